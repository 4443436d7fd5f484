//! Energy into the energy of the data centre, CO2 and money.

use serde::Serialize;

use crate::error::{Error, Result};

/// Grams in a pound.
pub(crate) const GRAMS_PER_POUND: f64 = 453.592_37;

/// Carbon intensity of a country's electricity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Country {
    /// ISO 3166 code of three letters, or `WORLD`.
    pub code: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Grams of CO2 equivalent a kilowatt-hour.
    pub grams_per_kwh: f64,
    /// The year the figure is for.
    pub year: u16,
}

/// Yearly means, from the energy mix table of the CodeCarbon project (MIT
/// licence), which takes them from Our World in Data.
pub const COUNTRIES: &[Country] = &[
    intensity("CHN", "China", 582.317),
    intensity("DEU", "Germany", 380.95),
    intensity("FRA", "France", 56.039),
    intensity("NOR", "Norway", 30.08),
    intensity("USA", "United States", 369.473),
    intensity("WORLD", "World", 475.0),
];

const fn intensity(code: &'static str, name: &'static str, grams_per_kwh: f64) -> Country {
    Country {
        code,
        name,
        grams_per_kwh,
        year: 2023,
    }
}

/// The row of a country by its code or name, whatever the case.
///
/// # Errors
/// [`Error::Unknown`] with the list of known codes.
pub fn country(name: &str) -> Result<&'static Country> {
    COUNTRIES
        .iter()
        .find(|row| row.code.eq_ignore_ascii_case(name) || row.name.eq_ignore_ascii_case(name))
        .ok_or_else(|| Error::Unknown {
            what: "country",
            name: name.to_owned(),
            known: COUNTRIES
                .iter()
                .map(|row| row.code)
                .collect::<Vec<_>>()
                .join(", "),
        })
}

/// A carbon intensity and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Carbon {
    /// Grams of CO2 equivalent a kilowatt-hour.
    pub grams_per_kwh: f64,
    /// In words.
    pub source: String,
}

impl Carbon {
    /// A figure of the user's.
    ///
    /// # Errors
    /// [`Error::Option`] if it is negative or no number.
    pub fn grams(grams_per_kwh: f64) -> Result<Self> {
        non_negative("carbon", grams_per_kwh)?;
        Ok(Self {
            grams_per_kwh,
            source: "given by the user".into(),
        })
    }

    /// A figure of the user's in pounds.
    ///
    /// # Errors
    /// [`Error::Option`] if it is negative or no number.
    pub fn pounds(pounds_per_kwh: f64) -> Result<Self> {
        non_negative("lb_per_kwh", pounds_per_kwh)?;
        Self::grams(pounds_per_kwh * GRAMS_PER_POUND)
    }

    /// A row of [`COUNTRIES`].
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub fn country(name: &str) -> Result<Self> {
        let row = country(name)?;
        Ok(Self {
            grams_per_kwh: row.grams_per_kwh,
            source: format!("{}, {}", row.name, row.year),
        })
    }
}

fn non_negative(name: &'static str, value: f64) -> Result<()> {
    if value >= 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(Error::option(
            name,
            format!("{value} is not a number of at least 0"),
        ))
    }
}

/// How energy at the device is converted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Conversion {
    /// Energy of the data centre over that of its computers; at least 1.
    pub pue: f64,
    /// Whether the user gave the PUE; if not, it is 1: own hardware.
    pub pue_given: bool,
    /// Carbon intensity, if known.
    pub carbon: Option<Carbon>,
    /// Price of a kilowatt-hour in US dollars, if known.
    pub usd_per_kwh: Option<f64>,
}

impl Default for Conversion {
    fn default() -> Self {
        Self {
            pue: 1.0,
            pue_given: false,
            carbon: None,
            usd_per_kwh: None,
        }
    }
}

/// What energy amounts to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Footprint {
    /// Energy at the devices in kWh.
    pub device_kwh: f64,
    /// Energy of the data centre in kWh: times PUE.
    pub kwh: f64,
    /// CO2 equivalent in kilograms.
    pub co2_kg: Option<f64>,
    /// CO2 equivalent in pounds.
    pub co2_lb: Option<f64>,
    /// Price of the electricity in US dollars.
    pub electricity_usd: Option<f64>,
    /// What was assumed.
    pub notes: Vec<String>,
}

impl Conversion {
    /// A PUE of the user's.
    ///
    /// # Errors
    /// [`Error::Option`] if it is below 1 or no number.
    pub fn with_pue(mut self, pue: f64) -> Result<Self> {
        if !(pue >= 1.0 && pue.is_finite()) {
            return Err(Error::option(
                "pue",
                format!("{pue} is below 1: a data centre uses at least what its computers use"),
            ));
        }
        (self.pue, self.pue_given) = (pue, true);
        Ok(self)
    }

    /// A carbon intensity.
    #[must_use]
    pub fn with_carbon(mut self, carbon: Carbon) -> Self {
        self.carbon = Some(carbon);
        self
    }

    /// A price of electricity.
    ///
    /// # Errors
    /// [`Error::Option`] if it is negative or no number.
    pub fn with_price(mut self, usd_per_kwh: f64) -> Result<Self> {
        non_negative("usd_per_kwh", usd_per_kwh)?;
        self.usd_per_kwh = Some(usd_per_kwh);
        Ok(self)
    }

    /// Converts energy at the devices.
    #[must_use]
    pub fn apply(&self, device_kwh: f64) -> Footprint {
        let kwh = self.pue * device_kwh;
        let mut notes = Vec::new();
        if !self.pue_given {
            notes.push("PUE 1.0: own hardware, no data centre around it".to_owned());
        }
        let grams = self.carbon.as_ref().map(|carbon| {
            notes.push(format!(
                "{} gCO2e/kWh ({})",
                rounded(carbon.grams_per_kwh),
                carbon.source
            ));
            kwh * carbon.grams_per_kwh
        });
        Footprint {
            device_kwh,
            kwh,
            co2_kg: grams.map(|grams| grams / 1e3),
            co2_lb: grams.map(|grams| grams / GRAMS_PER_POUND),
            electricity_usd: self.usd_per_kwh.map(|price| price * kwh),
            notes,
        }
    }
}

/// At most three decimals, none that are zero.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
