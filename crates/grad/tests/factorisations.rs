//! The table of operations on matrices: as `derivatives.rs`, every entry to third
//! order, and what is refused.

mod check;

use check::{OpSpec, check};
use tensegrity_grad::{
    Discarded, Error, Formula, Gaps, Result, SvdOptions, Triangle, Variable, gradients, jvp,
};
use tensegrity_tensor::{DType, SplitMix64, Tensor};

type Inputs<'a> = &'a [Variable];

fn op(name: &'static str, shapes: &[&[usize]], f: fn(Inputs<'_>) -> Result<Variable>) -> OpSpec {
    OpSpec::new(name, shapes, f)
}

fn adjoint(x: &Variable) -> Result<Variable> {
    x.transpose()?.conj()
}

/// x·xᴴ + 1, which is Hermitian positive definite.
fn positive(x: &Variable) -> Result<Variable> {
    let n = x.shape()[x.ndim() - 1];
    let one = Variable::constant(Tensor::<f64>::eye(n)?);
    x.matmul(&adjoint(x)?)?.add(&one.cast(x.dtype())?)
}

/// x plus 2, 4, 6, … on its diagonal: regular, with well separated spectrum.
fn regular(x: &Variable) -> Result<Variable> {
    let [m, n] = [x.shape()[x.ndim() - 2], x.shape()[x.ndim() - 1]];
    let tensor = Tensor::from_fn(&[m, n], |at| {
        if at[0] == at[1] {
            2.0 * (at[0] + 1) as f64
        } else {
            0.0
        }
    })?;
    x.scale(0.7)?
        .add(&Variable::constant(tensor).cast(x.dtype())?)
}

/// As [`regular`], Hermitian.
fn hermitian(x: &Variable) -> Result<Variable> {
    regular(&x.add(&adjoint(x)?)?.scale(0.5)?)
}

#[test]
fn linear_systems() {
    let s: &[usize] = &[3, 3];
    check(op("solve", &[s, &[3, 2]], |x| regular(&x[0])?.solve(&x[1])).complex());
    check(op("solve vector", &[s, &[3]], |x| regular(&x[0])?.solve(&x[1])).complex());
    check(
        op("solve lower", &[s, &[3, 2]], |x| {
            regular(&x[0])?.solve_triangular(Triangle::Lower, &x[1])
        })
        .complex(),
    );
    check(
        op("solve upper", &[s, &[3]], |x| {
            regular(&x[0])?.solve_triangular(Triangle::Upper, &x[1])
        })
        .complex(),
    );
    check(op("inverse", &[s], |x| regular(&x[0])?.inverse()).complex());
    check(op("logdet", &[s], |x| regular(&x[0])?.logdet()).complex());
    check(op("expm", &[s], |x| x[0].expm()).complex());
    check(op("expm squared", &[s], |x| {
        x[0].scale(7.0)?.expm()?.scale(1e-3)
    }));
}

#[test]
fn stacks_of_linear_systems() {
    let s: &[usize] = &[2, 2, 2];
    check(op("stack solve", &[s, s], |x| regular(&x[0])?.solve(&x[1])).complex());
    check(op("solve one for all", &[&[2, 2], s], |x| {
        regular(&x[0])?.solve(&x[1])
    }));
    check(op("solve all for one", &[s, &[2]], |x| {
        regular(&x[0])?.solve(&x[1])
    }));
    check(
        op("stack triangular", &[s, s], |x| {
            regular(&x[0])?.solve_triangular(Triangle::Lower, &x[1])
        })
        .complex(),
    );
    check(op("stack inverse", &[s], |x| regular(&x[0])?.inverse()));
    check(op("stack logdet", &[s], |x| regular(&x[0])?.logdet()).complex());
    check(op("stack expm", &[s], |x| x[0].expm()));
}

#[test]
fn triangular_factors() {
    let s: &[usize] = &[3, 3];
    check(op("cholesky", &[s], |x| positive(&x[0])?.cholesky()).complex());
    check(op("stack cholesky", &[&[2, 2, 2]], |x| {
        positive(&x[0])?.cholesky()
    }));
    check(
        op("qr", &[&[4, 3]], |x| {
            let (q, r) = regular(&x[0])?.qr()?;
            q.matmul(&r.square()?)
        })
        .complex(),
    );
    check(op("qr square", &[s], |x| regular(&x[0])?.qr()?.0.square()).complex());
    check(op("qr triangle", &[s], |x| regular(&x[0])?.qr()?.1.square()).complex());
    check(
        op("qr wide", &[&[2, 4]], |x| {
            let (q, r) = regular(&x[0])?.qr()?;
            q.square()?.matmul(&r)
        })
        .complex(),
    );
    check(op("stack qr", &[&[2, 3, 2]], |x| {
        let (q, r) = regular(&x[0])?.qr()?;
        q.matmul(&r.square()?)
    }));
}

#[test]
fn eigenvectors() {
    let s: &[usize] = &[3, 3];
    check(
        op("eigh", &[s], |x| {
            let (w, v) = hermitian(&x[0])?.eigh()?;
            v.square()?.matmul(&w.square()?.cast(v.dtype())?)
        })
        .complex(),
    );
    check(op("eigh vectors", &[s], |x| Ok(hermitian(&x[0])?.eigh()?.1)).complex());
    check(
        op("eigh values", &[s], |x| {
            hermitian(&x[0])?.eigh()?.0.square()
        })
        .complex(),
    );
    check(
        op("stack eigh", &[&[2, 2, 2]], |x| {
            Ok(hermitian(&x[0])?.eigh()?.1)
        })
        .complex(),
    );
}

#[test]
fn singular_vectors() {
    check(
        op("svd", &[&[3, 3]], |x| {
            let (u, s, vh) = regular(&x[0])?.svd()?;
            let shape = [1, s.len()];
            u.square()?.mul(&s.reshape(&shape)?)?.matmul(&vh)
        })
        .complex(),
    );
    check(op("svd tall", &[&[4, 3]], |x| Ok(regular(&x[0])?.svd()?.0)).complex());
    check(op("svd wide", &[&[2, 4]], |x| Ok(regular(&x[0])?.svd()?.2)).complex());
    check(op("svd right", &[&[3, 3]], |x| Ok(regular(&x[0])?.svd()?.2)).complex());
    check(
        op("singular values", &[&[4, 2]], |x| {
            regular(&x[0])?.svd()?.1.square()
        })
        .complex(),
    );
    check(op("stack svd", &[&[2, 3, 2]], |x| Ok(regular(&x[0])?.svd()?.0)).complex());
    check(
        op("svd truncated", &[&[4, 3]], |x| {
            let options = SvdOptions {
                rank: Some(2),
                ..SvdOptions::default()
            };
            let (u, s, vh) = regular(&x[0])?.svd_with(&options)?;
            u.mul(&s.reshape(&[1, 2])?)?.matmul(&vh)
        })
        .complex(),
    );
    // A product of rank two has nothing to discard.
    check(
        op("svd nothing discarded", &[&[4, 2], &[2, 3]], |x| {
            let options = SvdOptions {
                rank: Some(2),
                discarded: Discarded::Ignored,
                ..SvdOptions::default()
            };
            let a = regular(&x[0])?.matmul(&regular(&x[1])?)?;
            let (u, s, vh) = a.svd_with(&options)?;
            u.square()?.mul(&s.reshape(&[1, 2])?)?.matmul(&vh)
        })
        .complex(),
    );
}

#[test]
fn functions_of_hermitian_matrices() {
    let s: &[usize] = &[3, 3];
    check(
        op("hermitian root", &[s], |x| {
            positive(&x[0])?.hermitian_function(&Formula::input(0).sqrt())
        })
        .complex(),
    );
    check(
        op("hermitian exp", &[s], |x| {
            hermitian(&x[0])?
                .scale(0.3)?
                .hermitian_function(&Formula::input(0).exp())
        })
        .complex(),
    );
    check(op("stack log", &[&[2, 2, 2]], |x| {
        positive(&x[0])?.hermitian_function(&Formula::input(0).log())
    }));
    // One and a product of vectors: two eigenvalues are equal everywhere, but the
    // derivative is taken along directions that part them.
    check(
        op("hermitian tanh, degenerate", &[&[3], s], |x| {
            let column = x[0].reshape(&[3, 1])?;
            let one = Variable::constant(Tensor::<f64>::eye(3)?).cast(x[0].dtype())?;
            let a = column.matmul(&adjoint(&column)?)?.add(&one)?;
            let root = a.hermitian_function(&Formula::input(0).tanh())?;
            root.matmul(&x[1])
        })
        .complex(),
    );
}

fn random(shape: &[usize], seed: u64) -> Tensor<f64> {
    SplitMix64::new(seed).centred_tensor(shape)
}

/// Nodes that are equal, near and far: the derivative of exp at diag(λ) along E is
/// Eᵢⱼ·(e^λᵢ − e^λⱼ)/(λᵢ − λⱼ), here with the quotient as e^m·sinh(d)/d,
/// m the mean and d half the difference.
#[test]
fn near_eigenvalues_lose_no_digits() -> Result<()> {
    let values: [f64; 7] = [-1.0, -1.0 + 1e-9, -0.99, 0.3, 0.3, 0.301, 2.0];
    let n = values.len();
    let diagonal = Tensor::from_fn(
        &[n, n],
        |at| if at[0] == at[1] { values[at[0]] } else { 0.0 },
    )?;
    let a = Variable::new(diagonal);
    let e = random(&[n, n], 3);
    let e = e.add(&e.view().permuted(&[1, 0])?.to_tensor())?;
    let f = a.hermitian_function(&Formula::input(0).exp())?;
    let moved = jvp(&[&f], &[&a], &[&Variable::constant(e.clone())])?.remove(0);
    for i in 0..n {
        for j in 0..n {
            let (m, d) = ((values[i] + values[j]) / 2.0, (values[i] - values[j]) / 2.0);
            let square = d * d;
            let quotient = match d.abs() < 5e-3 {
                true => 1.0 + square / 6.0 * (1.0 + square / 20.0 * (1.0 + square / 42.0)),
                false => d.sinh() / d,
            };
            let expected = e.get(&[i, j])? * m.exp() * quotient;
            let found = moved.values()?[i * n + j];
            assert!(
                (found - expected).abs() < 2e-13,
                "{i} {j}: {found} is not {expected}"
            );
        }
    }
    Ok(())
}

/// The trace of a function has the function of the derivative as its gradient.
#[test]
fn the_gradient_of_a_trace_is_the_derived_function() -> Result<()> {
    let x = random(&[6, 6], 5);
    let a = Variable::new(x.add(&x.view().permuted(&[1, 0])?.to_tensor())?);
    let f = a.hermitian_function(&Formula::input(0).sin())?;
    let one = Variable::constant(Tensor::<f64>::eye(6)?);
    let g = gradients(&f.mul(&one)?.sum_all()?, &[&a])?.remove(0);
    let cos = a.hermitian_function(&Formula::input(0).cos())?;
    for (g, c) in g.values()?.iter().zip(cos.values()?) {
        assert!((g - c).abs() < 1e-13);
    }
    Ok(())
}

#[test]
fn a_truncated_decomposition_that_ignores_the_rest_is_off_by_what_it_ignores() -> Result<()> {
    // Singular values 3, 2 and δ: the exact derivative of U₁₂·S·V₁₂ᵀ against the
    // one that takes δ for zero.
    let (q, p) = (random(&[5, 3], 1), random(&[4, 3], 2));
    let q = Variable::constant(q).qr()?.0;
    let p = Variable::constant(p).qr()?.0;
    let weights = Variable::constant(random(&[5, 4], 4));
    let mut errors = Vec::new();
    for delta in [0.0, 1e-6, 1e-3] {
        let s = Variable::constant(Tensor::from_vec(vec![3.0, 2.0, delta], &[1, 3])?);
        let a = Variable::new(q.mul(&s)?.matmul(&p.transpose()?)?.into_value());
        let gradient = |discarded| -> Result<Variable> {
            let options = SvdOptions {
                rank: Some(2),
                discarded,
                ..SvdOptions::default()
            };
            let (u, s, vh) = a.svd_with(&options)?;
            let low = u.square()?.mul(&s.reshape(&[1, 2])?)?.matmul(&vh)?;
            Ok(gradients(&low.mul(&weights)?.sum_all()?, &[&a])?.remove(0))
        };
        let difference = gradient(Discarded::Exact)?.sub(&gradient(Discarded::Ignored)?)?;
        errors.push(difference.square()?.sum_all()?.item()?.sqrt());
    }
    assert!(errors[0] < 1e-12, "{errors:?}");
    assert!(errors[1] > 1e-8 && errors[1] < 1e-5, "{errors:?}");
    assert!(errors[2] > 1e-5 && errors[2] < 1e-2, "{errors:?}");
    Ok(())
}

#[test]
fn the_safe_inverse_does_not_depend_on_the_unit() -> Result<()> {
    // The same matrix in units a thousand million times apart.
    let shape = random(&[4, 4], 8);
    let shape = shape.add(&shape.view().permuted(&[1, 0])?.to_tensor())?;
    let mut found = Vec::new();
    for unit in [1.0, 1e9, 1e-9] {
        let a = Variable::new(shape.scaled(unit));
        let (_, v) = a.eigh()?;
        let loss = v.mul(&Variable::constant(random(&[4, 4], 9)))?.sum_all()?;
        found.push(gradients(&loss, &[&a])?.remove(0).scale(unit)?);
    }
    for other in &found[1..] {
        for (a, b) in found[0].values()?.iter().zip(other.values()?) {
            assert!((a - b).abs() < 1e-9, "{a} {b}");
        }
    }
    Ok(())
}

#[test]
fn coinciding_values_are_an_error_where_that_is_asked_for() -> Result<()> {
    let strict = Gaps {
        strict: true,
        ..Gaps::default()
    };
    let a = Variable::new(Tensor::from_vec(vec![1.0, 0.0, 0.0, 1.0 + 1e-12], &[2, 2])?);
    let (w, v) = a.eigh_with(strict)?;
    assert!(
        gradients(&w.sum_all()?, &[&a]).is_ok(),
        "values have a derivative"
    );
    let loss = v.sum_all()?;
    let error = gradients(&loss, &[&a]).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Degenerate {
                operation: "eigh",
                first: 0,
                second: 1,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("strict"));
    let safe = gradients(&a.eigh()?.1.sum_all()?, &[&a])?.remove(0);
    assert!(safe.values()?.iter().all(|g| g.is_finite()));

    // A tall matrix of rank one.
    let b = Variable::new(Tensor::from_vec(
        vec![1.0, 2.0, 2.0, 4.0, 3.0, 6.0],
        &[3, 2],
    )?);
    let options = SvdOptions {
        gaps: strict,
        ..SvdOptions::default()
    };
    let (u, ..) = b.svd_with(&options)?;
    let error = gradients(&u.sum_all()?, &[&b]).unwrap_err();
    assert!(
        matches!(error, Error::RankDeficient { number: 1, .. }),
        "{error}"
    );
    let (u, ..) = b.svd()?;
    let safe = gradients(&u.sum_all()?, &[&b])?.remove(0);
    assert!(safe.values()?.iter().all(|g| g.is_finite()));
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() -> Result<()> {
    let wide = Variable::new(random(&[2, 3], 1));
    let vector = Variable::new(random(&[3], 1));
    let stack = Variable::new(random(&[2, 3, 3], 1));
    let integers = Variable::constant(Tensor::<i64>::zeros(&[2, 2])?);
    for refused in [
        wide.eigh().map(|_| ()),
        wide.cholesky().map(|_| ()),
        wide.logdet().map(|_| ()),
        wide.expm().map(|_| ()),
        wide.hermitian_function(&Formula::input(0)).map(|_| ()),
        vector.qr().map(|_| ()),
        vector.svd().map(|_| ()),
        stack
            .solve(&Variable::constant(random(&[3, 3, 1], 2)))
            .map(|_| ()),
        stack
            .solve(&Variable::constant(random(&[2, 4, 1], 2)))
            .map(|_| ()),
        Variable::constant(random(&[0, 2, 2], 1)).svd().map(|_| ()),
    ] {
        assert!(matches!(refused, Err(Error::Shape { .. })), "{refused:?}");
    }
    assert!(matches!(
        integers.svd(),
        Err(Error::DType {
            found: DType::I64,
            ..
        })
    ));
    let two = Formula::input(0) * Formula::input(1);
    let square = Variable::new(random(&[3, 3], 1));
    assert!(matches!(
        square.hermitian_function(&two),
        Err(Error::Count {
            expected: 1,
            found: 2,
            ..
        })
    ));
    let complex = Formula::input(0) * Formula::complex_constant(0.0, 1.0);
    assert!(matches!(
        square.hermitian_function(&complex),
        Err(Error::DType { .. })
    ));
    Ok(())
}
