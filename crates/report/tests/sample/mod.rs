//! Pages with something in every section.

#![allow(dead_code)]

use tensegrity_report::{
    CandidateRow, Curve, FitReport, Point, RunRow, Series, Timing, Trace, TrainingReport, panels,
};
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

pub fn training() -> TrainingReport {
    let loss = |n: f64, floor: f64| 2.0 * (-n / 60.0).exp() + floor + 0.05 * (0.9 * n * n).sin();
    let trace = |name: &str, value: &dyn Fn(f64) -> f64| Trace {
        name: name.into(),
        points: (1..=200)
            .map(|n| (f64::from(n), value(f64::from(n))))
            .collect(),
    };
    let run = |name: &str, outcome: &str, result| RunRow {
        name: name.into(),
        outcome: outcome.into(),
        result,
        steps: 200,
        seconds: 3.25,
        energy: "41.2 J, modelled".into(),
    };
    TrainingReport {
        title: "<b>digits</b>".into(),
        status: "epoch 3 of 10, about 12 s left".into(),
        refresh: Some(2),
        facts: vec![
            ("loss".into(), "0.213".into()),
            ("method".into(), "adam".into()),
            ("energy".into(), "118 J, modelled".into()),
        ],
        losses: vec![
            trace("train", &|n| {
                if n == 50.0 { f64::NAN } else { loss(n, 0.1) }
            }),
            trace("validation", &|n| loss(n, 0.16)),
        ],
        metrics: vec![trace("accuracy", &|n| 1.0 - 0.9 * (-n / 50.0).exp())],
        runs: vec![
            run("rate 0.1", "finished", Some(0.213)),
            run("rate 10", "failed: the loss of batch 7 is NaN", None),
            run("rate 0.01", "discarded: slower", Some(0.8)),
        ],
        totals: "3 runs, 1 of them failed and 1 discarded: 9.75 s and 124 J (modelled)".into(),
        version: "0.1.0".into(),
    }
}
