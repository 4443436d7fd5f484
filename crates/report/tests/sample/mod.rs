//! A page with something in every section.

use tensegrity_report::{CandidateRow, Curve, FitReport, Point, Series, Timing, panels};
use tensegrity_tensor::Tensor;

pub fn report() -> FitReport {
    let x = Tensor::from_fn(&[24, 32, 3], |i| {
        ((i[0] * 9 + i[1] * 5 + i[2] * 40) % 256) as f32
    })
    .expect("a small shape");
    let y = x.map(|v| (v * 0.97).round());
    let winner = CandidateRow {
        structure: "tucker".into(),
        detail: "ranks 4,4,3 · 8 bits".into(),
        error: 0.03,
        stored_bytes: 512,
        seconds: 0.01,
    };
    let loser = CandidateRow {
        structure: "cp".into(),
        stored_bytes: 900,
        ..winner.clone()
    };
    FitReport {
        source: "<script>alert('x')</script>.png".into(),
        shape: vec![24, 32, 3],
        dtype: "uint8".into(),
        dense_bytes: 2304,
        target: "error ≤ 0.03".into(),
        wanted_error: Some(0.03),
        winner: winner.clone(),
        candidates: vec![winner, loser],
        frontier: vec![
            Series {
                name: "tucker".into(),
                points: vec![
                    Point { bytes: 300.0, error: 0.1 },
                    Point { bytes: 512.0, error: 0.03 },
                    Point { bytes: 900.0, error: 0.007 },
                ],
            },
            Series { name: "cp".into(), points: vec![Point { bytes: 900.0, error: 0.03 }] },
        ],
        diagram: "<svg viewBox=\"0 0 200 60\" width=\"200\"><circle cx=\"100\" cy=\"30\" r=\"20\"/></svg>"
            .into(),
        spectra: vec![Curve {
            name: "axis 0".into(),
            values: vec![3.0, 1.0, 0.1, 0.003],
        }],
        panels: panels(&x.view(), &y.view()).expect("shapes agree"),
        signal: Vec::new(),
        timings: vec![Timing {
            stage: "search".into(),
            seconds: 0.5,
        }],
        version: "0.1.0".into(),
    }
}
