//! Arrays from files of any kind.

use std::path::Path;

use tensegrity_tensor::file::{Format, Loaded, ReadOptions, read_one_with};

use crate::{Representation, Result};

/// Reads one array from a file: `member` of one that holds several, or what a
/// stored representation expands to.
///
/// # Errors
/// As [`read_one_with`], [`Representation::read`] and [`Representation::expand`].
pub fn read_array(path: &Path, member: Option<&str>, options: &ReadOptions) -> Result<Loaded> {
    if !Representation::is_stored_at(path) {
        return Ok(read_one_with(path, member, options)?);
    }
    let representation = Representation::read(path)?;
    let name = path.file_stem().unwrap_or_default();
    Ok(Loaded {
        name: name.to_string_lossy().into_owned(),
        array: representation.expand()?,
        source: representation.dtype(),
        format: Format::Safetensors,
        note: None,
    })
}
