//! Conversions, and the paper's tables from their inputs.

mod machine;

use machine::Machine;
use tensegrity_meter::{
    Accelerator, Carbon, Conversion, EstimateInput, country, csv_header, csv_row, paper,
};

#[test]
fn the_rows_of_table_3_follow_from_their_inputs() {
    let rows = paper::table_3().unwrap();
    assert_eq!(rows.len(), 8);
    for row in &rows {
        assert!(row.agrees, "{row:?}");
    }
    // The two that do not follow from the hours printed.
    let off: Vec<_> = rows.iter().filter(|row| !row.agrees_as_printed).collect();
    let names: Vec<_> = off.iter().map(|r| (r.model, r.hardware)).collect();
    assert_eq!(names, [("BERT base", "V100:64"), ("NAS", "TPUv2:1")]);
    assert!(off.iter().all(|row| row.note.is_some()));
    let bert = rows[3].kwh.unwrap();
    assert!((bert - 1506.83).abs() < 0.01, "{bert}");
    let base = &rows[0];
    assert!((base.kwh.unwrap() - 26.843_188_8).abs() < 1e-9);
    assert!((base.co2_lb.unwrap() - 25.608_402_115).abs() < 1e-6);
}

#[test]
fn the_costs_of_table_4_follow_from_hours_and_prices() {
    let rounded: Vec<(f64, f64)> = paper::table_4()
        .iter()
        .map(|row| (row.usd.low.round(), row.usd.high.round()))
        .collect();
    assert_eq!(
        rounded,
        [(52.0, 175.0), (1238.0, 4205.0), (103_175.0, 350_315.0)]
    );
    // All three rows mean the same device.
    for row in paper::table_4() {
        assert!((212.0..222.0).contains(&row.watts_implied), "{row:?}");
    }
}

#[test]
fn the_papers_factor_in_grams() {
    let carbon = Carbon::pounds(paper::POUNDS_PER_KWH).unwrap();
    assert!((carbon.grams_per_kwh - 432.727).abs() < 1e-3);
    assert_eq!(paper::total_watts(100.0, 20.0, 150.0, 8), 1320.0);
}

#[test]
fn conversions() {
    let conversion = Conversion::default()
        .with_pue(1.25)
        .unwrap()
        .with_carbon(Carbon::country("fra").unwrap())
        .with_price(0.5)
        .unwrap();
    let footprint = conversion.apply(80.0);
    assert_eq!((footprint.device_kwh, footprint.kwh), (80.0, 100.0));
    assert!((footprint.co2_kg.unwrap() - 5.6039).abs() < 1e-12);
    assert!((footprint.co2_lb.unwrap() - 5.6039 / 0.453_592_37).abs() < 1e-12);
    assert_eq!(footprint.electricity_usd, Some(50.0));
    assert_eq!(footprint.notes, ["56.039 gCO2e/kWh (France, 2023)"]);
    let plain = Conversion::default().apply(2.0);
    assert_eq!((plain.kwh, plain.co2_kg), (2.0, None));
    assert!(plain.notes[0].starts_with("PUE 1.0"));
    assert_eq!(country("world").unwrap().grams_per_kwh, 475.0);
}

#[test]
fn estimates_count_every_trial() {
    let input = EstimateInput {
        watts: Some(1000.0),
        hours: 3.0,
        device: Some(Accelerator::parse("v100:2").unwrap()),
        trials: Some(4),
        ..EstimateInput::default()
    };
    let estimate = input.estimate().unwrap();
    assert_eq!(estimate.hours, 12.0);
    assert_eq!(estimate.footprint.unwrap().kwh, 12.0);
    assert_eq!(estimate.cloud_usd.unwrap().low, 24.0 * 0.74);
}

#[test]
fn wrong_numbers_are_named() {
    let error = |result: tensegrity_meter::Result<()>| result.unwrap_err().to_string();
    assert!(error(Conversion::default().with_pue(0.9).map(drop)).contains("option pue: 0.9"));
    assert!(error(Carbon::grams(-1.0).map(drop)).contains("option carbon"));
    assert!(error(Carbon::pounds(f64::NAN).map(drop)).contains("option lb_per_kwh"));
    let message = error(country("Atlantis").map(drop));
    assert!(
        message.contains("unknown country \"Atlantis\"; known: CHN"),
        "{message}"
    );
    let message = error(Accelerator::parse("H100:8").map(drop));
    assert!(
        message.contains("known: P100, V100, TPUv2, TPUv3"),
        "{message}"
    );
    assert!(error(Accelerator::parse("P100:0").map(drop)).contains("write for example P100:8"));
    let input = EstimateInput {
        hours: -1.0,
        ..EstimateInput::default()
    };
    assert!(error(input.estimate().map(drop)).contains("option hours"));
}

#[test]
fn rows_have_as_many_fields_as_the_header() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 0, 1 << 40);
    machine.zone("intel-rapl:0:0", "dram", 0, 1 << 40);
    let meter = machine.meter();
    let span = meter.span("x");
    machine.clock.advance(2.0);
    machine.energy("intel-rapl:0", 7_200_000);
    machine.energy("intel-rapl:0:0", 3_600_000);
    let report = span.stop();
    let conversion = Conversion::default().with_carbon(Carbon::grams(500.0).unwrap());
    let row = csv_row(&report, &conversion);
    let fields: Vec<&str> = row.split(',').collect();
    let names: Vec<&str> = csv_header().split(',').collect();
    assert_eq!(fields.len(), names.len());
    let field = |name: &str| fields[names.iter().position(|n| *n == name).unwrap()];
    assert_eq!(field("duration"), "2");
    assert_eq!(field("cpu_power"), "3.6");
    assert_eq!(field("ram_power"), "1.8");
    assert_eq!(field("energy_consumed"), "0.000003");
    assert_eq!(field("emissions"), "0.0000015");
    assert_eq!(field("backend"), "powercap");
    assert_eq!(field("complete"), "true");
    // JSON has the same figures.
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["joules"], 10.8);
    assert_eq!(json["provenance"], "measured");
    assert_eq!(json["by_domain"][1]["domain"], "dram-0");
    assert!(report.to_string().contains("10.800 J measured"), "{report}");
}
