//! The paper's arithmetic.

use tensegrity_meter::paper::{self, Row};

use super::PAPER;
use crate::{Claim, Error, Result};

/// What table 4 prints: models, cloud cost (in thousands for the last row), and
/// electricity, all in US dollars.
const TABLE_4: [(u32, &str, f64); 3] = [
    (1, "52-175", 5.0),
    (24, "1238-4205", 118.0),
    (4789, "103k-350k", 9870.0),
];

/// A half goes to the even neighbour, as in the paper.
fn whole(value: f64) -> String {
    format!("{:.0}", value.round_ties_even())
}

pub(super) fn claims() -> Result<Vec<Claim>> {
    let rows = paper::table_3().map_err(Error::computing("table 3"))?;
    let mut claims: Vec<Claim> = rows.iter().map(row).collect();
    claims.extend(pipeline());
    claims.extend(development());
    Ok(claims)
}

/// One row of table 3: kWh = PUE · hours · watts / 1000, and what follows.
fn row(row: &Row) -> Claim {
    let energy = |kwh: Option<f64>, pounds: Option<f64>| match (kwh, pounds) {
        (Some(kwh), Some(pounds)) => format!("{} kWh, {} lb CO2e, ", whole(kwh), whole(pounds)),
        _ => String::new(),
    };
    let (hours, money) = (row.hours, row.usd);
    let claim = Claim::new(
        format!(
            "{} on {}: energy with PUE, CO2e and cost of {} h",
            row.model, row.hardware, row.hours_printed
        ),
        format!("{PAPER}, table 3"),
        format!(
            "{}{}-{} USD",
            energy(row.kwh, row.co2_lb),
            whole(money.low),
            whole(money.high)
        ),
        row.agrees,
    )
    .published(format!(
        "{}{}-{} USD",
        energy(row.kwh_printed, row.co2_lb_printed),
        row.usd_printed.low,
        row.usd_printed.high
    ));
    if row.agrees_as_printed || !row.agrees {
        return claim;
    }
    let claim = claim.note(format!(
        "follows from {hours} h, not from the {} h printed",
        row.hours_printed
    ));
    // Hours that round to those printed were rounded; others are a misprint,
    // and nobody can say of which number.
    if hours.round() == row.hours_printed {
        claim
    } else {
        Claim {
            holds: None,
            ..claim
        }
    }
}

/// Table 1's pipeline against table 4's electricity: both are the same energy.
fn pipeline() -> Vec<Claim> {
    let development = paper::table_4();
    let emission = |what: &str| {
        let row = paper::TABLE_1.iter().find(|row| row.what == what);
        row.map_or(f64::NAN, |row| row.co2_lb)
    };
    let tuned = emission("NLP pipeline with tuning");
    // Power of one device over all 239 942 hours, with PUE taken out again.
    let all = &development[development.len() - 1];
    let watts = 1000.0 * tuned / (paper::POUNDS_PER_KWH * paper::PUE * all.hours);
    let single = watts * development[0].hours * paper::PUE * paper::POUNDS_PER_KWH / 1000.0;
    let printed = emission("NLP pipeline");
    vec![
        Claim::new(
            "CO2e of one trained pipeline follows from that of all 4789 by the hours",
            format!("{PAPER}, tables 1 and 4"),
            format!("{} lb at a mean of {watts:.1} W", whole(single)),
            single.round_ties_even() == printed,
        )
        .published(format!("{printed} lb")),
        match rows_of_search() {
            Some((search, plain)) => Claim::new(
                "the Transformer of table 1, with and without architecture search, is table 3's",
                format!("{PAPER}, tables 1 and 3"),
                format!("{} and {} lb", whole(search), whole(plain)),
                search.round_ties_even() == emission("Transformer big with NAS")
                    && plain.round_ties_even() == emission("Transformer big"),
            ),
            None => Claim::new(
                "the Transformer of table 1 is table 3's",
                format!("{PAPER}, tables 1 and 3"),
                "table 3 has no such rows",
                false,
            ),
        }
        .published(format!(
            "{} and {} lb",
            emission("Transformer big with NAS"),
            emission("Transformer big")
        )),
    ]
}

/// Pounds of CO2e of the architecture search and of the Transformer it is for.
fn rows_of_search() -> Option<(f64, f64)> {
    let rows = paper::table_3().ok()?;
    let of = |model: &str| rows.iter().find(|row| row.model == model)?.co2_lb;
    Some((of("NAS")?, of("Transformer big")?))
}

/// Table 4: cost by hours and prices; electricity by the power table 1 implies.
fn development() -> Vec<Claim> {
    let rows = paper::table_4();
    let tuned = paper::TABLE_1
        .iter()
        .find(|row| row.what == "NLP pipeline with tuning")
        .map_or(f64::NAN, |row| row.co2_lb);
    let all_hours = rows[rows.len() - 1].hours;
    let dollars = |hours: f64| {
        let kwh = tuned / paper::POUNDS_PER_KWH * hours / all_hours;
        kwh * paper::USD_PER_KWH
    };
    rows.iter()
        .zip(TABLE_4)
        .map(|(row, (models, cloud, electricity))| {
            let range = if cloud.contains('k') {
                let thousands = |x: f64| format!("{}k", whole(x / 1000.0));
                format!("{}-{}", thousands(row.usd.low), thousands(row.usd.high))
            } else {
                format!("{}-{}", whole(row.usd.low), whole(row.usd.high))
            };
            let power = dollars(row.hours);
            Claim::new(
                format!("research and development, {models} models: cloud and electricity"),
                format!("{PAPER}, table 4"),
                format!("{range} USD, {} USD", whole(power)),
                models == row.models
                    && range == cloud
                    && power.round_ties_even() == electricity
                    && row.electricity_usd_printed == electricity,
            )
            .published(format!("{cloud} USD, {electricity} USD"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_but_the_misprint_holds() {
        let claims = claims().unwrap();
        assert_eq!(claims.len(), 8 + 2 + 3);
        let undecided: Vec<&Claim> = claims.iter().filter(|c| c.holds != Some(true)).collect();
        assert_eq!(undecided.len(), 1, "{undecided:?}");
        assert_eq!(undecided[0].holds, None);
        let note = undecided[0].note.as_deref().unwrap();
        assert_eq!(note, "follows from 32633 h, not from the 32623 h printed");
        // The row whose hours were rounded holds and says so.
        let rounded = claims.iter().find(|c| c.statement.contains("V100"));
        let rounded = rounded.unwrap();
        assert_eq!(rounded.ours, "1507 kWh, 1438 lb CO2e, 3751-12571 USD");
        assert_eq!(rounded.holds, Some(true));
        assert!(rounded.note.as_deref().unwrap().contains("79.2 h"));
    }

    #[test]
    fn a_wrong_figure_does_not_hold() {
        let mut row = paper::table_3().unwrap().remove(0);
        assert_eq!(super::row(&row).holds, Some(true));
        row.agrees = false;
        assert_eq!(super::row(&row).holds, Some(false));
    }
}
