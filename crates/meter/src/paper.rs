//! The tables of E. Strubell, A. Ganesh and A. McCallum, *Energy and Policy
//! Considerations for Deep Learning in NLP*, ACL 2019 (arXiv:1906.02243),
//! recomputed from the inputs they print.
//!
//! The printed numbers are here only to be compared with. Two rows do not follow
//! from the hours printed; for them the hours that reproduce the row stand
//! beside.

use serde::Serialize;

use crate::conversion::{Carbon, Conversion};
use crate::error::Result;
use crate::estimate::{Accelerator, EstimateInput, PRICES, Range};

/// Power usage effectiveness, global mean of 2018.
pub const PUE: f64 = 1.58;
/// Pounds of CO2 equivalent a kilowatt-hour, mean of the United States.
pub const POUNDS_PER_KWH: f64 = 0.954;
/// US dollars a kilowatt-hour.
pub const USD_PER_KWH: f64 = 0.12;

/// PUE, carbon and price of the paper.
#[must_use]
pub fn conversion() -> Conversion {
    Conversion {
        pue: PUE,
        pue_given: true,
        carbon: Carbon::pounds(POUNDS_PER_KWH).ok().map(|carbon| Carbon {
            source: "United States as of the paper".into(),
            ..carbon
        }),
        usd_per_kwh: Some(USD_PER_KWH),
    }
}

/// Mean power of a training run, eq. 1 without PUE and time: processor packages,
/// memory, and `gpus` cards of `gpu` watts.
#[must_use]
pub fn total_watts(cpu: f64, dram: f64, gpu: f64, gpus: u32) -> f64 {
    cpu + dram + f64::from(gpus) * gpu
}

/// A row of table 3 as printed.
struct Printed {
    model: &'static str,
    hardware: &'static str,
    watts: Option<f64>,
    hours: f64,
    /// Hours from which the row follows, if not those printed.
    hours_meant: Option<f64>,
    kwh: Option<f64>,
    pounds: Option<f64>,
    usd: (f64, f64),
}

const fn printed(
    model: &'static str,
    hardware: &'static str,
    watts: f64,
    hours: f64,
    kwh: f64,
    pounds: f64,
    usd: (f64, f64),
) -> Printed {
    Printed {
        model,
        hardware,
        watts: Some(watts),
        hours,
        hours_meant: None,
        kwh: Some(kwh),
        pounds: Some(pounds),
        usd,
    }
}

const fn unmetered(
    model: &'static str,
    hardware: &'static str,
    hours: f64,
    usd: (f64, f64),
) -> Printed {
    Printed {
        model,
        hardware,
        watts: None,
        hours,
        hours_meant: None,
        kwh: None,
        pounds: None,
        usd,
    }
}

const TABLE_3: [Printed; 8] = [
    printed(
        "Transformer base",
        "P100:8",
        1415.78,
        12.0,
        27.0,
        26.0,
        (41.0, 140.0),
    ),
    printed(
        "Transformer big",
        "P100:8",
        1515.43,
        84.0,
        201.0,
        192.0,
        (289.0, 981.0),
    ),
    printed(
        "ELMo",
        "P100:3",
        517.66,
        336.0,
        275.0,
        262.0,
        (433.0, 1472.0),
    ),
    Printed {
        hours_meant: Some(79.2),
        ..printed(
            "BERT base",
            "V100:64",
            12041.51,
            79.0,
            1507.0,
            1438.0,
            (3751.0, 12571.0),
        )
    },
    unmetered("BERT base", "TPUv2:16", 96.0, (2074.0, 6912.0)),
    printed(
        "NAS",
        "P100:8",
        1515.43,
        274_120.0,
        656_347.0,
        626_155.0,
        (942_973.0, 3_201_722.0),
    ),
    Printed {
        hours_meant: Some(32_633.0),
        ..unmetered("NAS", "TPUv2:1", 32_623.0, (44_055.0, 146_848.0))
    },
    unmetered("GPT-2", "TPUv3:32", 168.0, (12_902.0, 43_008.0)),
];

/// A row of table 3, computed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The model.
    pub model: &'static str,
    /// The devices.
    pub hardware: &'static str,
    /// Watts as printed; they contain all devices already.
    pub watts: Option<f64>,
    /// Hours the figures are computed from.
    pub hours: f64,
    /// Hours as printed.
    pub hours_printed: f64,
    /// Energy of the data centre in kWh.
    pub kwh: Option<f64>,
    /// CO2 equivalent in pounds.
    pub co2_lb: Option<f64>,
    /// Cost in the cloud in US dollars.
    pub usd: Range,
    /// Energy as printed.
    pub kwh_printed: Option<f64>,
    /// CO2 equivalent as printed.
    pub co2_lb_printed: Option<f64>,
    /// Cost as printed.
    pub usd_printed: Range,
    /// All figures round to those printed.
    pub agrees: bool,
    /// They do so from the hours printed.
    pub agrees_as_printed: bool,
    /// What is off.
    pub note: Option<String>,
}

/// Table 3, computed from watts, hours and prices.
///
/// # Errors
/// None in practice: the inputs are within range.
pub fn table_3() -> Result<Vec<Row>> {
    TABLE_3.iter().map(row).collect()
}

/// A half goes to the even neighbour, as it did in the paper's last row but one.
fn rounds_to(value: Option<f64>, printed: Option<f64>) -> bool {
    match (value, printed) {
        (Some(value), Some(printed)) => value.round_ties_even() == printed,
        (None, None) => true,
        _ => false,
    }
}

fn row(printed: &Printed) -> Result<Row> {
    let compute = |hours: f64| -> Result<(Option<f64>, Option<f64>, Range)> {
        let device = Accelerator::parse(printed.hardware)?;
        let estimate = EstimateInput {
            watts: printed.watts,
            hours,
            conversion: conversion(),
            device: Some(device),
            trials: None,
        }
        .estimate()?;
        let footprint = estimate.footprint.as_ref();
        Ok((
            footprint.map(|footprint| footprint.kwh),
            footprint.and_then(|footprint| footprint.co2_lb),
            device.cost(hours),
        ))
    };
    let agrees = |(kwh, pounds, usd): &(Option<f64>, Option<f64>, Range)| {
        rounds_to(*kwh, printed.kwh)
            && rounds_to(*pounds, printed.pounds)
            && rounds_to(Some(usd.low), Some(printed.usd.0))
            && rounds_to(Some(usd.high), Some(printed.usd.1))
    };
    let as_printed = agrees(&compute(printed.hours)?);
    let hours = printed.hours_meant.unwrap_or(printed.hours);
    let computed = compute(hours)?;
    Ok(Row {
        model: printed.model,
        hardware: printed.hardware,
        watts: printed.watts,
        hours,
        hours_printed: printed.hours,
        agrees: agrees(&computed),
        agrees_as_printed: as_printed,
        kwh: computed.0,
        co2_lb: computed.1,
        usd: computed.2,
        kwh_printed: printed.kwh,
        co2_lb_printed: printed.pounds,
        usd_printed: Range {
            low: printed.usd.0,
            high: printed.usd.1,
        },
        note: printed.hours_meant.map(|hours| {
            format!(
                "follows from {hours} h, not from the {} h printed",
                printed.hours
            )
        }),
    })
}

/// A row of table 1: pounds of CO2 equivalent, as printed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Consumption {
    /// What emits.
    pub what: &'static str,
    /// Pounds of CO2 equivalent.
    pub co2_lb: f64,
}

const fn consumption(what: &'static str, co2_lb: f64) -> Consumption {
    Consumption { what, co2_lb }
}

/// Table 1: what to compare with.
pub const TABLE_1: [Consumption; 8] = [
    consumption("Air travel, 1 passenger, NY-SF", 1984.0),
    consumption("Human life, average, 1 year", 11_023.0),
    consumption("American life, average, 1 year", 36_156.0),
    consumption("Car, average incl. fuel, 1 lifetime", 126_000.0),
    consumption("NLP pipeline", 39.0),
    consumption("NLP pipeline with tuning", 78_468.0),
    consumption("Transformer big", 192.0),
    consumption("Transformer big with NAS", 626_155.0),
];

/// A row of table 2: percent of a mix, as printed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mix {
    /// Country or company.
    pub consumer: &'static str,
    /// Renewables.
    pub renewables: u8,
    /// Gas.
    pub gas: u8,
    /// Coal.
    pub coal: u8,
    /// Nuclear.
    pub nuclear: u8,
}

const fn mix(consumer: &'static str, percent: [u8; 4]) -> Mix {
    Mix {
        consumer,
        renewables: percent[0],
        gas: percent[1],
        coal: percent[2],
        nuclear: percent[3],
    }
}

/// Table 2: where the electricity comes from.
pub const TABLE_2: [Mix; 6] = [
    mix("China", [22, 3, 65, 4]),
    mix("Germany", [40, 7, 38, 13]),
    mix("United States", [17, 35, 27, 19]),
    mix("Amazon-AWS", [17, 24, 30, 26]),
    mix("Google", [56, 14, 15, 10]),
    mix("Microsoft", [32, 23, 31, 10]),
];

/// A row of table 4: what research and development of one model cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Development {
    /// Models trained.
    pub models: u32,
    /// Hours of one P100 for all of them, as printed.
    pub hours: f64,
    /// Cost in the cloud in US dollars, computed.
    pub usd: Range,
    /// Price of the electricity as printed.
    pub electricity_usd_printed: f64,
    /// Watts of a device for which that price follows with PUE 1.58 and 0.12
    /// US dollars a kWh: the paper prints no power for this table.
    pub watts_implied: f64,
}

/// Table 4, costs computed from hours and prices.
#[must_use]
pub fn table_4() -> Vec<Development> {
    let device = Accelerator {
        price: PRICES[0],
        count: 1,
    };
    [
        (1, 120.0, 5.0),
        (24, 2880.0, 118.0),
        (4789, 239_942.0, 9870.0),
    ]
    .into_iter()
    .map(|(models, hours, electricity)| Development {
        models,
        hours,
        usd: device.cost(hours),
        electricity_usd_printed: electricity,
        watts_implied: 1000.0 * electricity / (USD_PER_KWH * PUE * hours),
    })
    .collect()
}
