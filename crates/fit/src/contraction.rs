//! Running the diagram of a representation.

use tensegrity_diagram::Network;
use tensegrity_tensor::{Tensor, View};

use crate::Result;

/// The value of `network` for `operands`.
pub(crate) fn contract<T: tensegrity_linalg::Field>(
    network: &Network,
    operands: &[View<'_, T>],
) -> Result<Tensor<T>> {
    let mut pool: Vec<(Vec<u32>, Tensor<T>)> = network
        .inputs
        .iter()
        .cloned()
        .zip(operands.iter().map(View::to_tensor))
        .collect();
    if pool.is_empty() {
        pool.push((vec![], Tensor::scalar(T::ONE)));
    }
    while pool.len() > 1 {
        // The pair with the smallest result.
        let mut best = (f64::INFINITY, 0, 1);
        for i in 0..pool.len() {
            for j in i + 1..pool.len() {
                let (_, _, _, out) = groups(network, &pool, i, j);
                let size = network.size_of(&out)
                    - network.size_of(&pool[i].0)
                    - network.size_of(&pool[j].0);
                let shares = pool[i].0.iter().any(|w| pool[j].0.contains(w));
                let size = if shares { size } else { size + 1e18 };
                if size < best.0 {
                    best = (size, i, j);
                }
            }
        }
        let (_, i, j) = best;
        let (batch, contracted, _, out) = groups(network, &pool, i, j);
        let b = pool.swap_remove(j);
        let a = pool.swap_remove(i);
        let value = pair(network, &batch, &contracted, a, b)?;
        pool.push((out, value));
    }
    let (legs, value) = pool.pop().expect("one is left");
    finish(network, &legs, &value)
}

/// Batch, contracted and output wires of a pair.
fn groups<T>(
    network: &Network,
    pool: &[(Vec<u32>, Tensor<T>)],
    i: usize,
    j: usize,
) -> (Vec<u32>, Vec<u32>, (), Vec<u32>) {
    let elsewhere = |w: &u32| {
        network.output.contains(w)
            || pool
                .iter()
                .enumerate()
                .any(|(k, (legs, _))| k != i && k != j && legs.contains(w))
    };
    let (a, b) = (&pool[i].0, &pool[j].0);
    let batch: Vec<u32> = a
        .iter()
        .filter(|w| b.contains(w) && elsewhere(w))
        .copied()
        .collect();
    let contracted: Vec<u32> = a
        .iter()
        .filter(|w| b.contains(w) && !elsewhere(w))
        .copied()
        .collect();
    let mut out = batch.clone();
    out.extend(a.iter().filter(|w| !b.contains(w)));
    out.extend(b.iter().filter(|w| !a.contains(w)));
    (batch, contracted, (), out)
}

fn pair<T: tensegrity_linalg::Field>(
    network: &Network,
    batch: &[u32],
    contracted: &[u32],
    a: (Vec<u32>, Tensor<T>),
    b: (Vec<u32>, Tensor<T>),
) -> Result<Tensor<T>> {
    let order = |legs: &[u32], first: &[u32], second: &[u32], third: &[u32]| -> Vec<usize> {
        [first, second, third]
            .concat()
            .iter()
            .map(|w| legs.iter().position(|l| l == w).expect("leg"))
            .collect()
    };
    let free_a: Vec<u32> = a.0.iter().filter(|w| !b.0.contains(w)).copied().collect();
    let free_b: Vec<u32> = b.0.iter().filter(|w| !a.0.contains(w)).copied().collect();
    let x =
        a.1.view()
            .permuted(&order(&a.0, batch, &free_a, contracted))?
            .to_tensor();
    let y =
        b.1.view()
            .permuted(&order(&b.0, batch, contracted, &free_b))?
            .to_tensor();
    let (count, m) = (
        network.size_of(batch) as usize,
        network.size_of(&free_a) as usize,
    );
    let (k, n) = (
        network.size_of(contracted) as usize,
        network.size_of(&free_b) as usize,
    );
    let mut result = Tensor::zeros(&[count, m, n])?;
    tensegrity_linalg::gemm_batched(
        T::ONE,
        &x.reshaped(&[count, m, k])?.view(),
        &y.reshaped(&[count, k, n])?.view(),
        T::ZERO,
        &mut result.view_mut(),
    )
    .expect("shapes agree");
    let shape: Vec<usize> = [batch, &free_a, &free_b]
        .concat()
        .iter()
        .map(|&w| network.dims[w as usize] as usize)
        .collect();
    Ok(result.reshaped(&shape)?)
}

fn finish<T: tensegrity_linalg::Field>(
    network: &Network,
    legs: &[u32],
    value: &Tensor<T>,
) -> Result<Tensor<T>> {
    let mut view = value.view();
    let mut legs = legs.to_vec();
    for &wire in &network.output {
        if !legs.contains(&wire) {
            view = view.inserted(legs.len())?;
            let mut shape = view.shape().to_vec();
            shape[legs.len()] = network.dims[wire as usize] as usize;
            view = view.broadcast_to(&shape)?;
            legs.push(wire);
        }
    }
    let order: Vec<usize> = network
        .output
        .iter()
        .map(|w| legs.iter().position(|l| l == w).expect("leg"))
        .collect();
    Ok(view.permuted(&order)?.to_tensor())
}
