//! What forward and reverse pass of networks hold at most, against what is
//! foretold. One test alone: allocations are counted for the whole process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use tensegrity_contract::{Einsum, PlanOptions};
use tensegrity_grad::{
    Error, Result, Variable, backward, contract, contract_within, einsum, einsum_within,
    gradient_memory, value_and_grad,
};
use tensegrity_tensor::{SplitMix64, Tensor, set_threads};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::SeqCst) + layout.size();
        PEAK.fetch_max(held, Ordering::SeqCst);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes `work` holds at most beyond those held before.
fn peak_of<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = HELD.load(Ordering::SeqCst);
    PEAK.store(before, Ordering::SeqCst);
    let result = work();
    (PEAK.load(Ordering::SeqCst) - before, result)
}

fn variables(shapes: &[&[usize]]) -> Vec<Variable> {
    let mut seed = SplitMix64::new(4);
    let fill = |shape: &&[usize]| Variable::new(seed.centred_tensor::<f64>(shape));
    shapes.iter().map(fill).collect()
}

fn closeness(a: &Variable, b: &Variable) -> f64 {
    let norm = |x: &Variable| x.square().unwrap().sum_all().unwrap().item().unwrap();
    (norm(&a.sub(b).unwrap()) / norm(b)).sqrt()
}

#[test]
fn forward_and_reverse_pass_hold_what_is_foretold() -> Result<()> {
    set_threads(1);
    // A train of matrices whose intermediates are large, a network with a batch,
    // and one with an embedded diagonal.
    let networks: [(&str, &[&[usize]]); 3] = [
        (
            "ai,ibj,jck,kdl,le->abcde",
            &[
                &[12, 30],
                &[30, 12, 30],
                &[30, 12, 30],
                &[30, 12, 30],
                &[30, 12],
            ],
        ),
        (
            "bij,bjk,bkl,blm->bim",
            &[&[40, 60, 60], &[40, 60, 60], &[40, 60, 60], &[40, 60, 60]],
        ),
        ("ir,jr,kr->ijk", &[&[90, 40], &[80, 40], &[70, 40]]),
    ];
    for (expression, shapes) in networks {
        let x = variables(shapes);
        let operands: Vec<&Variable> = x.iter().collect();
        let planned = Einsum::parse(expression)
            .unwrap()
            .plan(shapes, &PlanOptions::default())
            .unwrap();
        let plan = planned.plan();
        let foretold = gradient_memory(plan, &operands)? as usize;
        let run = |limit: Option<u64>| {
            // The value is let go of before going back, or all would be held.
            let loss = match limit {
                None => contract(plan, &operands)?,
                Some(limit) => contract_within(plan, &operands, limit)?,
            }
            .sum_all()?;
            backward(loss, &operands)
        };
        run(None)?; // compiles kernels and takes packing buffers
        let (measured, whole) = peak_of(|| run(None));
        let whole = whole?;
        let slack = foretold / 100 + (64 << 10);
        assert!(
            measured <= foretold + slack && foretold <= measured + slack,
            "{expression}: {measured} bytes held, {foretold} foretold"
        );

        // As little as there is: the refusal says how much that is.
        let Err(Error::Contract(tensegrity_contract::Error::MemoryBudget { needed, limit: 1 })) =
            contract_within(plan, &operands, 1)
        else {
            panic!("{expression}: one byte is enough");
        };
        assert!(needed as usize <= foretold);
        run(Some(needed))?;
        let (measured, again) = peak_of(|| run(Some(needed)));
        let slack = needed as usize / 100 + (64 << 10);
        assert!(
            measured <= needed as usize + slack,
            "{expression}: {measured} bytes held within {needed}"
        );
        for (again, whole) in again?.iter().zip(&whole) {
            assert!(closeness(again, whole) < 1e-14);
        }
    }

    // Small matrices on every axis of a large tensor, one after the other: three
    // quarters of the memory are enough, and higher derivatives pass through what
    // is computed again.
    let mut shapes: Vec<&[usize]> = vec![&[2, 2]; 13];
    shapes[0] = &[2; 12];
    let x = variables(&shapes);
    let operands: Vec<&Variable> = x.iter().collect();
    let expression = "abcdefghijkl,aA,bB,cC,dD,eE,fF,gG,hH,iI,jJ,kK,lL->ABCDEFGHIJKL";
    let planned = Einsum::parse(expression)
        .unwrap()
        .plan(&shapes, &PlanOptions::default())
        .unwrap();
    let limit = gradient_memory(planned.plan(), &operands)? * 3 / 4;
    let loss = |x: &[Variable]| {
        let x: Vec<&Variable> = x.iter().collect();
        einsum_within(expression, &x, limit)?.square()?.sum_all()
    };
    let plain = |x: &[Variable]| {
        let x: Vec<&Variable> = x.iter().collect();
        einsum(expression, &x)?.square()?.sum_all()
    };
    let (a, b) = (value_and_grad(loss)(&x)?, value_and_grad(plain)(&x)?);
    for (a, b) in a.1.iter().zip(&b.1) {
        assert!(closeness(a, b) < 1e-13);
    }
    let v: Vec<Variable> = x.iter().map(Variable::stop_gradient).collect();
    let (a, b) = (
        tensegrity_grad::hvp(loss, &x, &v)?,
        tensegrity_grad::hvp(plain, &x, &v)?,
    );
    for (a, b) in a.iter().zip(&b) {
        assert!(closeness(a, b) < 1e-12);
    }

    // Going back frees what was kept: a chain of elementwise steps needs its
    // values once, and two cotangents.
    let (steps, bytes) = (20, 8 << 17);
    let x = Variable::new(Tensor::<f64>::full(&[1 << 17], 0.5)?);
    let chain = || -> Result<Vec<Variable>> {
        let mut y = x.clone();
        for _ in 0..steps {
            y = y.sin()?;
        }
        backward(y.sum_all()?, &[&x])
    };
    chain()?;
    let (measured, gradient) = peak_of(chain);
    assert!(gradient?[0].values()?[0] > 0.0);
    assert!(
        measured < (steps + 2) * bytes + bytes / 2,
        "{measured} bytes held"
    );
    Ok(())
}
