//! Problems the tests share.

use tensegrity_optim::minimize::Logistic;

/// Least value of [`breast_cancer`], by an independent solver.
pub const CANCER_MINIMUM: f64 = 0.159_037_612_773_447_47;
/// Lipschitz constant of the Hessian of logistic regression with rows of norm at most 1.
pub const CANCER_L: f64 = 0.096_225_044_864_937_63;

/// Columns standardised by the population deviation, rows divided by the largest
/// row norm, labels ±1, ridge 10⁻⁴.
pub fn breast_cancer() -> Logistic {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/breast_cancer.csv");
    let text = std::fs::read_to_string(path).expect("the data folder has the file");
    let rows: Vec<Vec<f64>> = text
        .lines()
        .skip(1)
        .map(|line| {
            line.split(',')
                .map(|x| x.parse().expect("number"))
                .collect()
        })
        .collect();
    let (count, d) = (rows.len(), rows[0].len() - 1);
    assert_eq!((count, d), (569, 30));
    let mut features = vec![0.0; count * d];
    for j in 0..d {
        let mean = rows.iter().map(|row| row[j]).sum::<f64>() / count as f64;
        let variance = rows.iter().map(|row| (row[j] - mean).powi(2)).sum::<f64>() / count as f64;
        for (i, row) in rows.iter().enumerate() {
            features[i * d + j] = (row[j] - mean) / variance.sqrt();
        }
    }
    let norm = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt();
    let largest = features.chunks(d).map(norm).fold(0.0, f64::max);
    features.iter_mut().for_each(|x| *x /= largest);
    let labels: Vec<f64> = rows.iter().map(|row| 2.0 * row[d] - 1.0).collect();
    Logistic::new(&features, &labels, 1e-4).expect("fits")
}

pub fn close(found: &[f64], wanted: &[f64], tolerance: f64) {
    assert_eq!(found.len(), wanted.len());
    for (i, (a, b)) in found.iter().zip(wanted).enumerate() {
        assert!(
            (a - b).abs() <= tolerance,
            "entry {i}: {a} is not {b} to {tolerance:e}"
        );
    }
}
