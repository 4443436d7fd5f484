//! Values computed by an independent program: sums over all indices in plain
//! loops, tensors filled from splitmix64 seeded with 1000·case + tensor.

use tensegrity_contract::{contract_log, einsum, einsum_typed};
use tensegrity_tensor::{Array, SplitMix64, Tensor, View, c128};

fn tensor(case: u64, number: u64, shape: &[usize]) -> Tensor<f64> {
    SplitMix64::new(1000 * case + number).centred_tensor(shape)
}

fn close(found: f64, wanted: f64) {
    assert!(
        (found - wanted).abs() <= 1e-12 * wanted.abs().max(1e-3),
        "{found} is not {wanted}"
    );
}

/// Shapes, then sum, first, last and sum of squares of the result.
fn check(case: u64, expression: &str, shapes: &[&[usize]], shape: &[usize], wanted: [f64; 4]) {
    let operands: Vec<Tensor<f64>> = (0..).zip(shapes).map(|(t, s)| tensor(case, t, s)).collect();
    let views: Vec<View<'_, f64>> = operands.iter().map(Tensor::view).collect();
    let result = einsum_typed(expression, &views).unwrap();
    assert_eq!(result.shape(), shape);
    let data = result.as_slice();
    close(data.iter().sum(), wanted[0]);
    close(data[0], wanted[1]);
    close(data[data.len() - 1], wanted[2]);
    close(data.iter().map(|x| x * x).sum(), wanted[3]);
}

fn check_scalar(case: u64, expression: &str, shapes: &[&[usize]], wanted: f64) {
    check(
        case,
        expression,
        shapes,
        &[],
        [wanted, wanted, wanted, wanted * wanted],
    );
}

#[test]
fn case_1_ring() {
    let shapes: [&[usize]; 4] = [&[3, 4], &[4, 5], &[5, 6], &[6, 3]];
    check_scalar(1, "ab,bc,cd,da->", &shapes, -0.355809050152962);
}

#[test]
fn case_2_hyperedge() {
    check(
        2,
        "ai,bi,ci,i->abc",
        &[&[2, 5], &[3, 5], &[4, 5], &[5]],
        &[2, 3, 4],
        [
            0.00536779332631105,
            -0.00961157253529486,
            -0.00592961962098664,
            0.00252835876817784,
        ],
    );
}

#[test]
fn case_3_diagonal_input() {
    check(
        3,
        "iij,jk->ik",
        &[&[3, 3, 4], &[4, 5]],
        &[3, 5],
        [
            0.221045123768098,
            0.00869785343102937,
            0.0970324839319811,
            0.115607362388607,
        ],
    );
}

#[test]
fn case_4_sums_of_their_own() {
    check(
        4,
        "ij,k->i",
        &[&[3, 4], &[5]],
        &[3],
        [
            0.921899723515304,
            0.476409754604375,
            -0.0818129309786252,
            0.511707958189447,
        ],
    );
}

#[test]
fn case_5_two_components() {
    let shapes: [&[usize]; 4] = [&[2, 3], &[3, 4], &[3, 2], &[2, 5]];
    check_scalar(5, "ab,bc,de,ef->", &shapes, -0.172692926785143);
}

#[test]
fn case_6_batch_wire() {
    check(
        6,
        "abx,bcx,cax,x->x",
        &[&[3, 4, 6], &[4, 2, 6], &[2, 3, 6], &[6]],
        &[6],
        [
            0.0868392936172814,
            -0.00177577918336155,
            0.0238451824851455,
            0.00837339972115452,
        ],
    );
}

#[test]
fn case_7_repeated_operand_shape() {
    check(
        7,
        "ij,jk,kl,ij->il",
        &[&[3, 4], &[4, 5], &[5, 2], &[3, 4]],
        &[3, 2],
        [
            0.0757100417553244,
            0.0136247542849885,
            -0.0186796616264972,
            0.00794767465183653,
        ],
    );
}

#[test]
fn case_8_embedded_diagonal() {
    check(
        8,
        "i,ij->iij",
        &[&[4], &[4, 3]],
        &[4, 4, 3],
        [
            -0.0839487053473094,
            0.0278352443269888,
            -0.112580479262591,
            0.143410340338818,
        ],
    );
}

#[test]
fn case_9_ellipsis() {
    check(
        9,
        "...ij,...jk->...ik",
        &[&[2, 1, 3, 4], &[5, 4, 2]],
        &[2, 5, 3, 2],
        [
            2.56660970428939,
            -0.0630642777717548,
            0.00876254461697194,
            1.85429011254967,
        ],
    );
}

#[test]
fn case_10_complex_ring() {
    let operands: Vec<Tensor<c128>> = [[3, 4], [4, 5], [5, 3]]
        .iter()
        .zip(0..)
        .map(|(shape, t)| {
            let (re, im) = (tensor(10, t, shape), tensor(10, 10 + t, shape));
            let pairs = re.as_slice().iter().zip(im.as_slice());
            Tensor::from_vec(pairs.map(|(&re, &im)| c128::new(re, im)).collect(), shape).unwrap()
        })
        .collect();
    let views: Vec<View<'_, c128>> = operands.iter().map(Tensor::view).collect();
    let result = einsum_typed("ab,bc,ca->", &views).unwrap();
    close(result.as_slice()[0].re, -0.402161848648377);
    close(result.as_slice()[0].im, 0.704342586406783);
}

#[test]
fn case_11_norm_of_a_matrix_product_state() {
    let sites: Vec<Array> = (0..8u64)
        .map(|site| {
            let (left, right) = (if site == 0 { 1 } else { 4 }, if site == 7 { 1 } else { 4 });
            tensor(11, site, &[left, 3, right]).into()
        })
        .collect();
    // Bonds a–i of the ket, j–r of the bra, physical legs s–z between them.
    let letters = |from: u8, site: u8| char::from(from + site);
    let mut terms = Vec::new();
    let mut operands = Vec::new();
    for (site, array) in (0u8..).zip(&sites) {
        for bonds in [b'a', b'j'] {
            let (left, right) = (letters(bonds, site), letters(bonds, site + 1));
            terms.push(format!("{left}{}{right}", letters(b's', site)));
            operands.push(array);
        }
    }
    let expression = format!("{}->", terms.join(","));
    let result = einsum(&expression, &operands).unwrap();
    close(
        result.typed::<f64>().unwrap().as_slice()[0],
        0.386836563807936,
    );
}

#[test]
fn case_13_a_value_no_float_holds() {
    let matrices: Vec<Array> = (0..400u64)
        .map(|k| tensor(13, k, &[2, 2]).map(|x| 1e-3 * x).into())
        .collect();
    let terms: Vec<String> = (0..400)
        .map(|k| format!("i{k} i{}", (k + 1) % 400))
        .collect();
    let expression = format!("{} ->", terms.join(", "));
    let operands: Vec<&Array> = matrices.iter().collect();
    let result = contract_log(&expression, &operands).unwrap();
    let mantissa = result.mantissa.typed::<f64>().unwrap().as_slice()[0];
    assert!(mantissa < 0.0);
    let log10 = mantissa.abs().log10() + result.log10_scale;
    // The printed figure has 15 digits.
    assert!((log10 - -1387.98973586206).abs() < 1e-10, "{log10}");
}
