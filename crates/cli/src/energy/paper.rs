//! `tensegrity energy report --paper`.

use serde_json::json;
use tensegrity::meter::paper;

use crate::failure::Outcome;
use crate::output::say;

/// A number without decimals; a dash for none.
fn whole(value: Option<f64>) -> String {
    value.map_or_else(
        || "-".into(),
        |value| format!("{:.0}", value.round_ties_even()),
    )
}

/// Prints the paper's tables, computed from its inputs, beside what it prints.
pub fn run(json: bool) -> Outcome<()> {
    let rows = paper::table_3().map_err(super::input)?;
    let development = paper::table_4();
    if json {
        let object = json!({
            "source": "Strubell, Ganesh and McCallum (2019), arXiv:1906.02243",
            "pue": paper::PUE,
            "lb_per_kwh": paper::POUNDS_PER_KWH,
            "usd_per_kwh": paper::USD_PER_KWH,
            "consumption": paper::TABLE_1,
            "mixes": paper::TABLE_2,
            "models": rows,
            "development": development,
        });
        say!("{object}");
        return Ok(());
    }
    say!(
        "Strubell, Ganesh and McCallum (2019), arXiv:1906.02243. Computed from the inputs printed \
         there\n(PUE {}, {} lb CO2e/kWh); the wattages cannot be reproduced, the arithmetic can.\n",
        paper::PUE,
        paper::POUNDS_PER_KWH
    );
    say!("Table 3. Computed / printed.");
    say!(
        "{:<17}{:<9}{:>9}{:>8}{:>16}{:>16}  USD",
        "model",
        "hardware",
        "W",
        "h",
        "kWh×PUE",
        "lb CO2e"
    );
    for row in &rows {
        let pair = |computed: Option<f64>, printed: Option<f64>| match computed {
            Some(_) => format!("{} / {}", whole(computed), whole(printed)),
            None => "-".into(),
        };
        say!(
            "{:<17}{:<9}{:>9}{:>8}{:>16}{:>16}  {}-{} / {}-{}{}",
            row.model,
            row.hardware,
            row.watts.map_or_else(|| "-".into(), |w| w.to_string()),
            row.hours,
            pair(row.kwh, row.kwh_printed),
            pair(row.co2_lb, row.co2_lb_printed),
            whole(Some(row.usd.low)),
            whole(Some(row.usd.high)),
            row.usd_printed.low,
            row.usd_printed.high,
            if row.agrees { "" } else { "  DIFFERS" },
        );
        if let Some(note) = &row.note {
            say!("{:17}{note}", "");
        }
    }
    say!("\nTable 1. Pounds of CO2e, as printed.");
    for row in &paper::TABLE_1 {
        say!("{:<38}{:>8}", row.what, row.co2_lb);
    }
    say!("\nTable 2. Percent of the energy mix, as printed.");
    say!(
        "{:<15}{:>11}{:>5}{:>6}{:>9}",
        "",
        "renewables",
        "gas",
        "coal",
        "nuclear"
    );
    for row in &paper::TABLE_2 {
        say!(
            "{:<15}{:>11}{:>5}{:>6}{:>9}",
            row.consumer,
            row.renewables,
            row.gas,
            row.coal,
            row.nuclear
        );
    }
    say!("\nTable 4. Research and development of one model on a P100; cost computed.");
    say!(
        "{:>7}{:>9}  {:<16}{:>16}{:>12}",
        "models",
        "h",
        "cloud USD",
        "electricity USD",
        "implied W"
    );
    for row in &development {
        say!(
            "{:>7}{:>9}  {:<16}{:>16}{:>12.1}",
            row.models,
            row.hours,
            format!("{}-{}", whole(Some(row.usd.low)), whole(Some(row.usd.high))),
            row.electricity_usd_printed,
            row.watts_implied
        );
    }
    Ok(())
}
