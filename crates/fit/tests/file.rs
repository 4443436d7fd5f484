//! `.tsg` files: hostile bytes, other versions, full disks.

use proptest::prelude::*;
use tensegrity_fit::{Error, FitOptions, Registry, Representation, Target, fit};
use tensegrity_tensor::{Array, DType, SplitMix64};

fn sample() -> Vec<u8> {
    let x: Array = SplitMix64::new(9).normal_tensor::<f64>(&[12, 9, 3]).into();
    let options = FitOptions::default();
    let found = fit(
        &Registry::default(),
        &x,
        DType::F64,
        Target::Error(0.05),
        &options,
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tsg");
    found.representation.write(&path).unwrap();
    std::fs::read(path).unwrap()
}

/// The file with `from` in its header replaced by `to`.
fn edited(from: &str, to: &str) -> Vec<u8> {
    let bytes = sample();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap();
    assert!(header.contains(from), "{header}");
    let header = header.replace(from, to);
    let mut result = (header.len() as u64).to_le_bytes().to_vec();
    result.extend(header.bytes());
    result.extend(&bytes[8 + length..]);
    result
}

#[test]
fn another_version_is_refused() {
    let error = Representation::from_bytes(&edited(r#""tsg":"1""#, r#""tsg":"2""#)).unwrap_err();
    assert!(matches!(error, Error::Version { .. }), "{error}");
}

#[test]
fn an_ordinary_safetensors_file_is_recognised() {
    let error = Representation::from_bytes(&edited(r#""tsg":"1""#, r#""x":"1""#)).unwrap_err();
    assert!(matches!(error, Error::NotRepresentation), "{error}");
}

#[test]
fn contradictions_are_errors() {
    for (from, to) in [
        ("abc", "abd"),
        ("float64", "float65"),
        (r#""shape":"12,9,3""#, r#""shape":"12,9""#),
        (r#""shape":"12,9,3""#, r#""shape":"13,9,3""#),
        (r#""shape":"12,9,3""#, r#""shape":"x""#),
        (
            r#""dims":"12,9,3""#,
            r#""dims":"12,9,18446744073709551615""#,
        ),
        ("\"U8\"", "\"F64\""),
        ("\"q\"", "\"r\""),
    ] {
        let result = Representation::from_bytes(&edited(from, to));
        assert!(
            matches!(result, Err(Error::Damaged { .. })),
            "{from} {to} {result:?}"
        );
    }
}

#[test]
fn an_unwritable_place_is_an_error_and_leaves_no_file() {
    let representation = Representation::from_bytes(&sample()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no/such/folder/x.tsg");
    assert!(matches!(
        representation.write(&missing),
        Err(Error::Tensor(tensegrity_tensor::Error::File(_)))
    ));
    assert!(representation.write(folder.path()).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_old_file_is_replaced_whole() {
    let representation = Representation::from_bytes(&sample()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tsg");
    std::fs::write(&path, b"old").unwrap();
    representation.write(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), sample());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

proptest! {
    #[test]
    fn damaged_files_never_panic(position in 0usize..1200, bit in 0u8..8, cut in 0usize..1200) {
        let mut bytes = sample();
        let at = position % bytes.len();
        bytes[at] ^= 1 << bit;
        if cut % 3 == 0 {
            bytes.truncate(cut % (bytes.len() + 1));
        }
        if let Ok(representation) = Representation::from_bytes(&bytes)
            && representation.shape().iter().product::<usize>() < 1 << 20 {
                let _ = representation.expand();
            }
    }

    #[test]
    fn a_truncated_file_is_always_an_error(cut in 1usize..2000) {
        let bytes = sample();
        let keep = bytes.len().saturating_sub(cut);
        prop_assert!(Representation::from_bytes(&bytes[..keep]).is_err());
    }
}
