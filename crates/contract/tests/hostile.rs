//! Bad input is an error that says where; odd but legal input is computed.

use tensegrity_contract::promote::ArrayView;
use tensegrity_contract::{
    Einsum, Error, PlanOptions, Program, clear_cache, contract_log, einsum, einsum_into,
    einsum_typed, einsum_with, inner, run_diagram,
};
use tensegrity_diagram::{Diagram, Expression};
use tensegrity_tensor::{Array, DType, Tensor, View, ViewMut, c128};

fn ones(shape: &[usize]) -> Tensor<f64> {
    Tensor::full(shape, 1.0).unwrap()
}

fn message(result: tensegrity_contract::Result<Array>) -> String {
    result.expect_err("must be refused").to_string()
}

#[test]
fn wrong_expressions_name_the_place() {
    let a = ones(&[2, 3]);
    for (expression, part) in [
        ("ij->z", "z"),
        ("ij", "operand"),
        ("ijk->i", "operand 1"),
        ("i j k -> i", "operand 1"),
        ("i...j...->i", "..."),
        ("ij->...", "..."),
        ("ij->i->j", "->"),
        ("i(j", "("),
    ] {
        let operands: &[&Tensor<f64>] = if expression == "ij" { &[&a, &a] } else { &[&a] };
        let text = message(einsum(expression, operands));
        assert!(text.contains(part), "{expression}: {text}");
    }
    let text = message(einsum("ij,jk->ik", &[&a, &a]));
    assert!(
        text.contains("operand 1") && text.contains("operand 2"),
        "{text}"
    );
    assert!(text.contains('3') && text.contains('2'), "{text}");
    let none: [&Tensor<f64>; 0] = [];
    assert!(matches!(einsum("ij->i", &none), Err(Error::Diagram(_))));
}

#[test]
fn too_large_results_are_refused_before_anything_is_allocated() {
    let x = Tensor::scalar(1.0);
    let wide = x.view().broadcast_to(&[1 << 40]).unwrap();
    let views = [wide.clone(), wide];
    let error = einsum_typed("i,j->ij", &views).expect_err("2^80 elements");
    assert!(error.to_string().contains("2^63"), "{error}");
}

#[test]
fn zero_operands_and_rank_zero() {
    let none: [&Tensor<f64>; 0] = [];
    assert_eq!(
        einsum("->", &none)
            .unwrap()
            .typed::<f64>()
            .unwrap()
            .as_slice(),
        [1.0]
    );
    let (x, y) = (Tensor::scalar(3.0), Tensor::scalar(-2.0));
    assert_eq!(
        einsum("->", &[&x])
            .unwrap()
            .typed::<f64>()
            .unwrap()
            .as_slice(),
        [3.0]
    );
    assert_eq!(
        einsum(",->", &[&x, &y])
            .unwrap()
            .typed::<f64>()
            .unwrap()
            .as_slice(),
        [-6.0]
    );
    let v = ones(&[3]);
    let scaled = einsum(",i->i", &[&x, &v]).unwrap();
    assert_eq!(scaled.typed::<f64>().unwrap().as_slice(), [3.0; 3]);
}

#[test]
fn empty_wires() {
    let a = ones(&[2, 0]);
    let b = ones(&[0, 3]);
    let sum = einsum("ij,jk->ik", &[&a, &b]).unwrap();
    assert_eq!(sum.shape(), [2, 3]);
    assert_eq!(sum.typed::<f64>().unwrap().as_slice(), [0.0; 6]);
    assert_eq!(
        einsum("ij->", &[&a])
            .unwrap()
            .typed::<f64>()
            .unwrap()
            .as_slice(),
        [0.0]
    );
    assert_eq!(einsum("ij->ij", &[&a]).unwrap().shape(), [2, 0]);
    let c = ones(&[2, 4]);
    let three = einsum("ij,il,jk->lk", &[&a, &c, &b]).unwrap();
    assert_eq!(three.typed::<f64>().unwrap().as_slice(), [0.0; 12]);
}

#[test]
fn nan_and_infinity_propagate() {
    let nan = f64::NAN;
    let inf = f64::INFINITY;
    // Sizes that reach plain loops, SIMD remainders and the matrix kernels.
    for n in [2usize, 9, 33, 70] {
        for (bad, factor) in [(nan, 0.0), (inf, 0.0), (inf, 1.0), (-inf, 2.0)] {
            let mut a = ones(&[n, n]);
            a.as_mut_slice()[n + 1] = bad;
            let mut b = ones(&[n, n]);
            b.as_mut_slice()[n] = factor;
            let expected = bad * factor;
            let c = einsum_typed("ij,jk->ik", &[a.view(), b.view()]).unwrap();
            let found = c.get(&[1, 0]).unwrap();
            let same = found.is_nan() && expected.is_nan() || found == expected;
            assert!(same, "n = {n}: {bad}·{factor} gave {found}");
            assert_eq!(c.get(&[0, 0]).unwrap(), (n - 1) as f64 + factor, "n = {n}");
            let sum = einsum_typed("ij->i", &[a.view()]).unwrap();
            assert_eq!(sum.as_slice()[1].is_nan(), bad.is_nan());
            assert_eq!(sum.as_slice()[0], n as f64);
        }
    }
    // A sum over one operand's own wire times a vector: inf must not become NaN.
    let mut row = ones(&[13]);
    row.as_mut_slice()[12] = inf;
    let wide = row.view().broadcast_to(&[5, 13]).unwrap();
    let total = einsum_typed("ij->", &[wide]).unwrap();
    assert_eq!(total.as_slice(), [inf]);
}

#[test]
fn element_types_follow_numpy() {
    let f32s = Tensor::from_vec(vec![1.0f32, 2.0], &[2]).unwrap();
    let f64s = ones(&[2]);
    let i64s = Tensor::from_vec(vec![3i64, -4], &[2]).unwrap();
    let c128s = Tensor::from_vec(vec![c128::new(0.0, 1.0); 2], &[2]).unwrap();
    let dtype = |x: ArrayView<'_>, y: ArrayView<'_>| {
        einsum_with("i,i->", &[x, y], &PlanOptions::default())
            .unwrap()
            .dtype()
    };
    assert_eq!(dtype((&f32s).into(), (&f64s).into()), DType::F64);
    assert_eq!(dtype((&f32s).into(), (&i64s).into()), DType::F64);
    assert_eq!(dtype((&i64s).into(), (&i64s).into()), DType::I64);
    assert_eq!(dtype((&f32s).into(), (&c128s).into()), DType::C128);
    let mixed = tensegrity_contract::einsum!("i,i,i->", &f32s, &i64s, &c128s).unwrap();
    assert_eq!(
        mixed.typed::<c128>().unwrap().as_slice(),
        [c128::new(0.0, -5.0)]
    );
    let wrapped = Tensor::from_vec(vec![i64::MAX, 2], &[2]).unwrap();
    let product = einsum_typed("i,i->", &[wrapped.view(), wrapped.view()]).unwrap();
    assert_eq!(
        product.as_slice(),
        [i64::MAX.wrapping_mul(i64::MAX).wrapping_add(4)]
    );
}

#[test]
fn outputs_are_checked() {
    let a = ones(&[2, 3]);
    let options = PlanOptions::default();
    let operand = [ArrayView::from(&a)];
    let mut wrong = Tensor::<f64>::zeros(&[3, 2]).unwrap();
    let error = einsum_into("ij->ij", &operand, &mut wrong.view_mut(), &options).unwrap_err();
    assert!(matches!(error, Error::OutputShape { .. }), "{error}");
    // Also when the program is remembered for these strides.
    let mut right = Tensor::<f64>::zeros(&[2, 3]).unwrap();
    einsum_into("ij->ij", &operand, &mut right.view_mut(), &options).unwrap();
    let mut data = [0.0; 12];
    let mut longer = ViewMut::from_slice(&mut data, &[4, 3]);
    let error = einsum_into("ij->ij", &operand, &mut longer, &options).unwrap_err();
    assert!(matches!(error, Error::OutputShape { .. }), "{error}");
    // Complex into real, real into integers: refused; real into complex: converted.
    let z = Tensor::from_vec(vec![c128::new(0.0, 1.0); 6], &[2, 3]).unwrap();
    let error = einsum_into("ij->ij", &[(&z).into()], &mut right.view_mut(), &options).unwrap_err();
    assert!(matches!(error, Error::WrongDType { .. }), "{error}");
    let mut integers = Tensor::<i64>::zeros(&[2, 3]).unwrap();
    let error = einsum_into("ij->ij", &operand, &mut integers.view_mut(), &options).unwrap_err();
    assert!(error.to_string().contains("float64"), "{error}");
    let mut complex = Tensor::<c128>::zeros(&[2, 3]).unwrap();
    einsum_into("ij->ij", &operand, &mut complex.view_mut(), &options).unwrap();
    assert_eq!(complex.as_slice(), [c128::new(1.0, 0.0); 6]);
}

#[test]
fn an_output_over_its_operand_is_computed_aside() {
    let mut data: Vec<f64> = (0..9).map(f64::from).collect();
    let pointer = data.as_mut_ptr();
    // SAFETY: both look at `data`, which is not touched otherwise; operand
    // and output overlap, which `einsum_into` promises to handle.
    let (operand, mut output) = unsafe {
        (
            View::from_raw(pointer.cast_const(), &[3, 3], &[3, 1]),
            ViewMut::from_raw(pointer, &[3, 3], &[3, 1]),
        )
    };
    einsum_into(
        "ij->ji",
        &[operand.into()],
        &mut output,
        &PlanOptions::default(),
    )
    .unwrap();
    assert_eq!(data, [0.0, 3.0, 6.0, 1.0, 4.0, 7.0, 2.0, 5.0, 8.0]);
}

#[test]
fn groups_merge_into_strided_outputs() {
    let (a, b) = (ones(&[2, 3]), ones(&[3, 4]));
    let mut data = vec![0.0; 16];
    // Every second element.
    // SAFETY: eight elements two apart lie inside the vector.
    let mut output = unsafe { ViewMut::from_raw(data.as_mut_ptr(), &[8], &[2]) };
    let operands = [ArrayView::from(&a), ArrayView::from(&b)];
    einsum_into(
        "i j, j k -> (i k)",
        &operands,
        &mut output,
        &PlanOptions::default(),
    )
    .unwrap();
    assert!(
        data.iter()
            .enumerate()
            .all(|(i, &x)| x == if i % 2 == 0 { 3.0 } else { 0.0 })
    );
}

#[test]
fn plans_refuse_other_shapes_and_counts() {
    let plan = Einsum::parse("ij,jk->ik")
        .unwrap()
        .plan(&[&[2, 3], &[3, 4]], &PlanOptions::default())
        .unwrap();
    let (a, b) = (ones(&[2, 3]), ones(&[3, 4]));
    assert!(plan.run(&[&a, &b]).is_ok());
    let error = plan.run(&[&a, &a]).unwrap_err();
    assert!(
        matches!(error, Error::PlanShape { operand: 1, .. }),
        "{error}"
    );
    let error = plan.run(&[&a]).unwrap_err();
    assert!(matches!(error, Error::OperandCount { .. }), "{error}");
}

#[test]
fn programs_refuse_wrong_paths_and_layouts() {
    let bound = Expression::parse("ij,jk,kl->il").unwrap();
    let bound = bound.bind(&[&[2, 3], &[3, 4], &[4, 5]]).unwrap();
    let strides: [&[isize]; 3] = [&[3, 1], &[4, 1], &[5, 1]];
    let compile = |path: &[(usize, usize)]| {
        Program::compile(&bound.network, path, &strides, &[5, 1], DType::F64)
    };
    for path in [
        vec![(0, 1)],
        vec![(0, 1), (0, 2)],
        vec![(0, 9), (1, 2)],
        vec![(0, 0), (1, 2)],
    ] {
        assert!(
            matches!(compile(&path), Err(Error::InvalidPath(_))),
            "{path:?}"
        );
    }
    let program = compile(&[(0, 1), (3, 2)]).unwrap();
    let tensors = [ones(&[2, 3]), ones(&[3, 4]), ones(&[4, 5])];
    let views: Vec<View<'_, f64>> = tensors.iter().map(Tensor::view).collect();
    assert_eq!(program.run(&views).unwrap().as_slice(), [12.0; 10]);
    let mut transposed = views.clone();
    let square = ones(&[4, 3]);
    transposed[1] = square.view().permuted(&[1, 0]).unwrap();
    assert!(matches!(
        program.run(&transposed),
        Err(Error::PlanShape { operand: 1, .. })
    ));
    assert!(matches!(
        program.run(&views[..2]),
        Err(Error::OperandCount { .. })
    ));
    let singles: Vec<Tensor<f32>> = tensors.iter().map(|t| t.map(|x| x as f32)).collect();
    let singles: Vec<View<'_, f32>> = singles.iter().map(Tensor::view).collect();
    assert!(matches!(
        program.run(&singles),
        Err(Error::WrongDType { .. })
    ));
}

#[test]
fn the_memory_limit_is_checked_before_running() {
    let a = ones(&[100, 100]);
    let operands = [(&a).into(), (&a).into(), (&a).into()];
    let limited = |bytes| PlanOptions {
        memory_limit: Some(bytes),
        ..PlanOptions::default()
    };
    let run = |bytes| einsum_with("ij,jk,kl->il", &operands, &limited(bytes));
    let error = run(1000).unwrap_err();
    assert!(
        matches!(error, Error::MemoryBudget { limit: 1000, .. }),
        "{error}"
    );
    assert!(run(1 << 20).is_ok());
}

#[test]
fn the_memory_limit_knows_the_element_type() {
    fn array(dtype: DType, length: usize) -> Array {
        match dtype {
            DType::F32 => Tensor::<f32>::full(&[length], 1.0).unwrap().into(),
            DType::C128 => Tensor::<c128>::zeros(&[length]).unwrap().into(),
            _ => Tensor::<f64>::full(&[length], 1.0).unwrap().into(),
        }
    }
    let limited = |bytes| PlanOptions {
        memory_limit: Some(bytes),
        ..PlanOptions::default()
    };
    for (dtype, size) in [(DType::F32, 4), (DType::F64, 8), (DType::C128, 16)] {
        let (a, b) = (array(dtype, 100), array(dtype, 200));
        let fits =
            |bytes| einsum_with("i,j->ij", &[(&a).into(), (&b).into()], &limited(bytes)).is_ok();
        // The result, and no intermediate.
        assert!(fits(20_000 * size), "{dtype}");
        assert!(!fits(20_000 * size - 1), "{dtype}");
        let alone = einsum_with("i->", &[(&b).into()], &limited(200 * size - 1));
        assert!(
            matches!(alone, Err(Error::MemoryBudget { .. })),
            "an operand counts"
        );
    }
}

#[test]
fn memory_that_is_not_there_is_an_error() {
    let one = ones(&[1]);
    let view = one.view();
    let a = view.broadcast_to(&[1 << 30]).unwrap();
    // 2^59 bytes, and more than an address can count.
    for longest in [1 << 26, 1 << 32] {
        let b = view.broadcast_to(&[longest]).unwrap();
        let error = einsum_typed("i,j->ij", &[a.clone(), b]).unwrap_err();
        assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
    }
}

#[test]
fn diagrams_want_their_arguments() {
    let mut trace = Diagram::new();
    let wire = trace.wire(2);
    trace.input("A", 0, &[wire, wire]).unwrap();
    let options = PlanOptions::default();
    assert!(matches!(
        run_diagram(&trace, &[], &options),
        Err(Error::OperandCount { .. })
    ));
    let wrong = ones(&[2, 3]);
    let error = run_diagram(&trace, &[(&wrong).into()], &options).unwrap_err();
    assert!(matches!(error, Error::PlanShape { .. }), "{error}");
}

#[test]
fn inner_products_need_one_shape() {
    assert!(inner(&ones(&[2]), &ones(&[3])).is_err());
}

#[test]
fn exponents_of_zero_and_infinity() {
    let zero = Tensor::<f64>::zeros(&[2, 2]).unwrap();
    let scaled = contract_log("ij,jk->ik", &[&zero, &zero]).unwrap();
    assert_eq!(scaled.mantissa.typed::<f64>().unwrap().as_slice(), [0.0; 4]);
    let infinite = Tensor::full(&[2], f64::INFINITY).unwrap();
    let scaled = contract_log("i->", &[&infinite]).unwrap();
    assert_eq!(
        scaled.mantissa.typed::<f64>().unwrap().as_slice(),
        [f64::INFINITY]
    );
    let tiny = Tensor::full(&[3, 3], 1e-25f32).unwrap();
    let scaled = contract_log("ij,jk,kl->", &[&tiny, &tiny, &tiny]).unwrap();
    let mantissa = f64::from(scaled.mantissa.typed::<f32>().unwrap().as_slice()[0]);
    assert!((mantissa.log10() + scaled.log10_scale - (-75.0 + 81f64.log10())).abs() < 1e-5);
}

#[test]
fn remembered_programs_are_for_one_layout() {
    clear_cache();
    let a = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], &[2, 2]).unwrap();
    let turned = a.view().permuted(&[1, 0]).unwrap();
    for _ in 0..3 {
        let plain = einsum_typed("ij->ij", &[a.view()]).unwrap();
        assert_eq!(plain.as_slice(), [1.0, 2.0, 3.0, 4.0]);
        let other = einsum_typed("ij->ij", std::slice::from_ref(&turned)).unwrap();
        assert_eq!(other.as_slice(), [1.0, 3.0, 2.0, 4.0]);
        let single = a.map(|x| x as f32);
        let single = einsum_typed("ij->ji", &[single.view()]).unwrap();
        assert_eq!(single.as_slice(), [1.0f32, 3.0, 2.0, 4.0]);
    }
}
