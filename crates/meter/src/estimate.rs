//! The calculator: watts, hours and devices into energy, CO2 and cost.

use serde::Serialize;

use crate::conversion::{Conversion, Footprint};
use crate::error::{Error, Result};

/// Two ends of a range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    /// The lower.
    pub low: f64,
    /// The higher.
    pub high: f64,
}

/// Price of an hour of a device in the cloud, US dollars, 2019.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DevicePrice {
    /// Its name.
    pub device: &'static str,
    /// From the preemptible to the on-demand price.
    pub usd_per_hour: Range,
}

const fn price(device: &'static str, low: f64, high: f64) -> DevicePrice {
    DevicePrice {
        device,
        usd_per_hour: Range { low, high },
    }
}

/// Prices of Strubell, Ganesh and McCallum (2019).
pub const PRICES: &[DevicePrice] = &[
    price("P100", 0.43, 1.46),
    price("V100", 0.74, 2.48),
    price("TPUv2", 1.35, 4.50),
    price("TPUv3", 2.40, 8.00),
];

/// Devices that are rented.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Accelerator {
    /// Which, with its price.
    pub price: DevicePrice,
    /// How many.
    pub count: u32,
}

impl Accelerator {
    /// Parses `P100:8`, or `P100` for one.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a device without a price, [`Error::Option`] for a
    /// count that is none.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, count) = match text.split_once(':') {
            Some((name, count)) => {
                let count: u32 = count.parse().ok().filter(|&n| n > 0).ok_or_else(|| {
                    Error::option(
                        "device",
                        format!("{count:?} in {text:?} is no count; write for example P100:8"),
                    )
                })?;
                (name, count)
            }
            None => (text, 1),
        };
        let price = PRICES
            .iter()
            .find(|row| row.device.eq_ignore_ascii_case(name))
            .ok_or_else(|| Error::Unknown {
                what: "device",
                name: name.to_owned(),
                known: PRICES
                    .iter()
                    .map(|row| row.device)
                    .collect::<Vec<_>>()
                    .join(", "),
            })?;
        Ok(Self {
            price: *price,
            count,
        })
    }

    /// US dollars for `hours` on all of them.
    #[must_use]
    pub fn cost(&self, hours: f64) -> Range {
        let device_hours = f64::from(self.count) * hours;
        Range {
            low: device_hours * self.price.usd_per_hour.low,
            high: device_hours * self.price.usd_per_hour.high,
        }
    }
}

/// What the calculator starts from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EstimateInput {
    /// Mean power of everything in watts, the devices included; without it
    /// there is a cost but no energy.
    pub watts: Option<f64>,
    /// Time in hours.
    pub hours: f64,
    /// PUE, carbon and price of electricity.
    pub conversion: Conversion,
    /// What is rented.
    pub device: Option<Accelerator>,
    /// Runs it took, failed and discarded ones included; times and energies
    /// are those of one run and are multiplied.
    pub trials: Option<u32>,
}

/// What the calculator says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Power in watts as declared.
    pub watts: Option<f64>,
    /// Hours of all trials.
    pub hours: f64,
    /// Trials.
    pub trials: u32,
    /// Energy, CO2 and electricity; `None` without a power.
    pub footprint: Option<Footprint>,
    /// The devices.
    pub device: Option<Accelerator>,
    /// Cost of renting them in US dollars.
    pub cloud_usd: Option<Range>,
}

impl EstimateInput {
    /// kWh = PUE · hours · trials · watts / 1000 (Strubell, Ganesh and McCallum
    /// 2019, eq. 1), and what follows from it.
    ///
    /// # Errors
    /// [`Error::Option`] for negative numbers and NaN.
    pub fn estimate(&self) -> Result<Estimate> {
        for (name, value) in [("watts", self.watts), ("hours", Some(self.hours))] {
            if let Some(value) = value
                && !(value >= 0.0 && value.is_finite())
            {
                return Err(Error::option(
                    name,
                    format!("{value} is not a number of at least 0"),
                ));
            }
        }
        let trials = self.trials.unwrap_or(1);
        let hours = self.hours * f64::from(trials);
        Ok(Estimate {
            watts: self.watts,
            hours,
            trials,
            footprint: self
                .watts
                .map(|watts| self.conversion.apply(watts * hours / 1000.0)),
            device: self.device,
            cloud_usd: self.device.map(|device| device.cost(hours)),
        })
    }
}
