//! Saved states: every number an optimiser carries from step to step.
//!
//! One function a method names its numbers for saving, checking and loading,
//! so the three cannot disagree. Any serde format that keeps floats bit for bit
//! (binary ones; JSON with exact parsing) makes the round trip exact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Error, Float, Result};

/// The state of an optimiser between two steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Version of this layout.
    pub format: u32,
    /// The method's name.
    pub method: String,
    /// Names and shapes of the trained parameters.
    pub parameters: Vec<(String, Vec<usize>)>,
    /// Numbers by name.
    pub entries: BTreeMap<String, Stored>,
}

/// Numbers of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Stored {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// A count.
    Count(u64),
}

/// The version written and read.
pub(crate) const FORMAT: u32 = 1;

enum Mode<'a> {
    Save(BTreeMap<String, Stored>),
    /// Are all entries there and of the right kind and length?
    Check(&'a BTreeMap<String, Stored>),
    Load(&'a BTreeMap<String, Stored>),
    /// Load what is there and fits; the rest stays as it is.
    Transfer(&'a BTreeMap<String, Stored>),
}

/// A walk over all numbers of an optimiser.
pub(crate) struct Archive<'a> {
    mode: Mode<'a>,
    seen: usize,
}

impl<'a> Archive<'a> {
    pub(crate) fn saving() -> Self {
        Self {
            mode: Mode::Save(BTreeMap::new()),
            seen: 0,
        }
    }

    pub(crate) fn checking(entries: &'a BTreeMap<String, Stored>) -> Self {
        Self {
            mode: Mode::Check(entries),
            seen: 0,
        }
    }

    pub(crate) fn loading(entries: &'a BTreeMap<String, Stored>) -> Self {
        Self {
            mode: Mode::Load(entries),
            seen: 0,
        }
    }

    /// From an optimiser of other trained parameters.
    pub(crate) fn transferring(entries: &'a BTreeMap<String, Stored>) -> Self {
        Self {
            mode: Mode::Transfer(entries),
            seen: 0,
        }
    }

    pub(crate) fn is_transfer(&self) -> bool {
        matches!(self.mode, Mode::Transfer(_))
    }

    pub(crate) fn into_entries(self) -> BTreeMap<String, Stored> {
        match self.mode {
            Mode::Save(entries) => entries,
            _ => BTreeMap::new(),
        }
    }

    /// After a check: no entry was left over.
    pub(crate) fn finish(&self) -> Result<()> {
        if let Mode::Check(entries) = &self.mode
            && entries.len() != self.seen
        {
            let problem = format!("it has {} entries, {} are known", entries.len(), self.seen);
            return Err(Error::State { problem });
        }
        Ok(())
    }

    /// Values whose number does not change.
    pub(crate) fn values<T: Float>(&mut self, key: String, values: &mut Vec<T>) -> Result<()> {
        let length = values.len();
        self.variable(key, values, |found| found == length)
    }

    /// Values whose number must satisfy `fits`.
    pub(crate) fn variable<T: Float>(
        &mut self,
        key: String,
        values: &mut Vec<T>,
        fits: impl Fn(usize) -> bool,
    ) -> Result<()> {
        self.seen += 1;
        match &mut self.mode {
            Mode::Save(entries) => {
                entries.insert(key, T::store(values));
            }
            Mode::Check(entries) => {
                let found = entries.get(&key).and_then(T::stored);
                let problem = match found {
                    None => format!("entry {key:?} is missing or of another precision"),
                    Some(found) if !fits(found.len()) => {
                        format!("entry {key:?} has {} numbers", found.len())
                    }
                    Some(_) => return Ok(()),
                };
                return Err(Error::State { problem });
            }
            Mode::Load(entries) | Mode::Transfer(entries) => {
                let found = entries.get(&key).and_then(T::stored);
                if let Some(found) = found.filter(|found| fits(found.len())) {
                    values.clear();
                    values.extend_from_slice(found);
                }
            }
        }
        Ok(())
    }

    /// One number.
    pub(crate) fn number(&mut self, key: String, value: &mut f64) -> Result<()> {
        let mut values = vec![*value];
        self.values(key, &mut values)?;
        *value = values[0];
        Ok(())
    }

    /// One count.
    pub(crate) fn count(&mut self, key: String, value: &mut u64) -> Result<()> {
        self.seen += 1;
        let found = |entries: &BTreeMap<String, Stored>| match entries.get(&key) {
            Some(Stored::Count(count)) => Some(*count),
            _ => None,
        };
        match &mut self.mode {
            Mode::Save(entries) => {
                entries.insert(key, Stored::Count(*value));
            }
            Mode::Check(entries) => {
                if found(entries).is_none() {
                    let problem = format!("count {key:?} is missing");
                    return Err(Error::State { problem });
                }
            }
            Mode::Load(entries) | Mode::Transfer(entries) => {
                if let Some(count) = found(entries) {
                    *value = count;
                }
            }
        }
        Ok(())
    }
}
