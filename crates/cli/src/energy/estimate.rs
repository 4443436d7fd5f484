//! `tensegrity energy estimate`.

use serde_json::json;
use tensegrity::meter::{Accelerator, EstimateInput};

use super::arguments::Estimate;
use crate::failure::{Failure, Outcome};
use crate::output::number_text;
use crate::output::say;

/// Computes energy, CO2 and cost from watts and hours.
pub fn run(arguments: &Estimate, json: bool) -> Outcome<()> {
    if arguments.watts.is_none() && arguments.device.is_none() {
        return Err(Failure::Input(
            "nothing to estimate; give --watts for energy, --device for cost, or both".into(),
        ));
    }
    let device = arguments
        .device
        .as_deref()
        .map(Accelerator::parse)
        .transpose()
        .map_err(super::input)?;
    let conversion = super::conversion(&arguments.converting)?;
    let estimate = EstimateInput {
        watts: arguments.watts,
        hours: arguments.hours,
        conversion: conversion.clone(),
        device,
        trials: arguments.trials,
    }
    .estimate()
    .map_err(super::input)?;
    let footprint = estimate.footprint.as_ref();
    if json {
        let object = json!({
            "provenance": "declared",
            "watts": estimate.watts,
            "hours": estimate.hours,
            "trials": estimate.trials,
            "pue": conversion.pue,
            "device_kwh": footprint.map(|f| f.device_kwh),
            "kwh": footprint.map(|f| f.kwh),
            "co2_kg": footprint.and_then(|f| f.co2_kg),
            "co2_lb": footprint.and_then(|f| f.co2_lb),
            "electricity_usd": footprint.and_then(|f| f.electricity_usd),
            "device": arguments.device,
            "cloud_usd": estimate.cloud_usd,
            "notes": footprint.map(|f| f.notes.clone()).unwrap_or_default(),
        });
        say!("{object}");
        return Ok(());
    }
    if let (Some(watts), Some(footprint)) = (estimate.watts, footprint) {
        say!(
            "energy       {:.2} kWh = {} × {watts} W × {} h (declared)",
            footprint.kwh,
            conversion.pue,
            estimate.hours
        );
        if let (Some(kg), Some(lb)) = (footprint.co2_kg, footprint.co2_lb) {
            say!("CO2e         {lb:.2} lb ({kg:.2} kg)");
        }
        if let Some(usd) = footprint.electricity_usd {
            say!("electricity  {usd:.2} USD");
        }
    }
    if let (Some(device), Some(usd)) = (estimate.device, estimate.cloud_usd) {
        say!(
            "cloud        {:.2} to {:.2} USD for {} × {} × {} h (2019 prices)",
            usd.low,
            usd.high,
            device.count,
            device.price.device,
            estimate.hours
        );
    }
    if estimate.trials > 1 {
        say!("trials       {}", number_text(f64::from(estimate.trials)));
    }
    for note in footprint.map(|f| &f.notes).into_iter().flatten() {
        say!("note: {note}");
    }
    Ok(())
}
