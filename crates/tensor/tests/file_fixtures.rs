//! Files written by other programs (see `fixtures/make.py`) are read right.

use std::path::PathBuf;

use tensegrity_tensor::file::{
    self, FileErrorKind, Format, Loaded, ReadOptions, inspect, read, read_one, read_one_with,
};
use tensegrity_tensor::{Array, DType, Error};

fn fixture(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    folder.join(name)
}

/// The elements as complex numbers in double precision, whatever their type.
fn values(array: &Array) -> Vec<(f64, f64)> {
    match array {
        Array::F32(t) => t.as_slice().iter().map(|&x| (x.into(), 0.0)).collect(),
        Array::F64(t) => t.as_slice().iter().map(|&x| (x, 0.0)).collect(),
        Array::C64(t) => t
            .as_slice()
            .iter()
            .map(|z| (z.re.into(), z.im.into()))
            .collect(),
        Array::C128(t) => t.as_slice().iter().map(|z| (z.re, z.im)).collect(),
        Array::I64(t) => t.as_slice().iter().map(|&x| (x as f64, 0.0)).collect(),
        other => panic!("unexpected {other:?}"),
    }
}

/// `100 i + 10 j + k - 5`, the array most fixtures hold.
fn ramp() -> Vec<f64> {
    let mut ramp = Vec::new();
    for i in 0..2 {
        for j in 0..3 {
            for k in 0..4 {
                ramp.push(f64::from(100 * i + 10 * j + k - 5));
            }
        }
    }
    ramp
}

/// The values of a fixture of element type `code`.
fn expected(code: &str) -> Vec<(f64, f64)> {
    let ramp = ramp();
    let flipped: Vec<f64> = ramp[12..].iter().chain(&ramp[..12]).copied().collect();
    ramp.iter()
        .zip(flipped)
        .map(|(&x, other)| match code.as_bytes()[0] {
            b'u' => (x + 5.0, 0.0),
            b'b' => (f64::from(x.rem_euclid(2.0) == 0.0), 0.0),
            b'c' => (x, other),
            _ => (x, 0.0),
        })
        .collect()
}

fn source(code: &str) -> DType {
    match code {
        "b1" => DType::Bool,
        "i1" => DType::I8,
        "i2" => DType::I16,
        "i4" => DType::I32,
        "i8" => DType::I64,
        "u1" => DType::U8,
        "u2" => DType::U16,
        "u4" => DType::U32,
        "u8" => DType::U64,
        "f2" => DType::F16,
        "f4" => DType::F32,
        "f8" => DType::F64,
        "c8" => DType::C64,
        "c16" => DType::C128,
        other => panic!("no such code {other}"),
    }
}

fn promoted(dtype: DType) -> DType {
    match dtype {
        DType::I32 | DType::U32 | DType::I64 | DType::U64 => DType::F64,
        DType::F64 | DType::C64 | DType::C128 => dtype,
        _ => DType::F32,
    }
}

const CODES: [&str; 14] = [
    "b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16",
];

#[test]
fn every_numpy_type_is_read_and_promoted() {
    for code in CODES {
        let loaded = read_one(fixture(&format!("{code}.npy")), None).unwrap();
        assert_eq!(loaded.source, source(code), "{code}");
        assert_eq!(loaded.array.dtype(), promoted(source(code)), "{code}");
        assert_eq!(loaded.array.shape(), [2, 3, 4], "{code}");
        assert_eq!(loaded.source_bytes(), 24 * source(code).size() as u64);
        assert_eq!(loaded.name, code);
        assert_eq!(values(&loaded.array), expected(code), "{code}");
    }
}

#[test]
fn integers_are_read_exactly_on_request() {
    let options = ReadOptions {
        exact_integers: true,
        ..ReadOptions::default()
    };
    for code in CODES {
        let path = fixture(&format!("{code}.npy"));
        let exact = read_one_with(&path, None, &options).unwrap();
        let plain = read_one(&path, None).unwrap();
        let integer = source(code).is_integer();
        let want = if integer {
            DType::I64
        } else {
            plain.array.dtype()
        };
        assert_eq!(exact.array.dtype(), want, "{code}");
        assert_eq!(values(&exact.array), values(&plain.array), "{code}");
    }
    let large = read_one_with(fixture("large_integers.npy"), None, &options).unwrap();
    let want = [(1i64 << 53) + 1, i64::MIN, i64::MAX];
    assert_eq!(large.array.typed::<i64>().unwrap().as_slice(), want);

    let error = read_one_with(fixture("large_unsigned.npy"), None, &options).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("18446744073709551615 does not fit int64"),
        "{error}"
    );
    let rounded = read_one(fixture("large_unsigned.npy"), None).unwrap();
    assert_eq!(
        values(&rounded.array),
        [(1.0, 0.0), (18446744073709551615.0, 0.0)]
    );
}

#[test]
fn header_versions_orders_and_byte_orders_do_not_matter() {
    let plain = |name: &str| read_one(fixture(name), None).unwrap();
    let ramp: Vec<(f64, f64)> = ramp().into_iter().map(|x| (x, 0.0)).collect();
    for name in [
        "version2.npy",
        "version3.npy",
        "fortran.npy",
        "big_fortran_f4.npy",
    ] {
        let loaded = plain(name);
        assert_eq!(loaded.array.shape(), [2, 3, 4], "{name}");
        assert_eq!(values(&loaded.array), ramp, "{name}");
    }
    assert_eq!(values(&plain("fortran_u1.npy").array), expected("u1"));
    for code in ["i2", "i4", "i8", "u4", "f2", "f4", "f8", "c8", "c16"] {
        let loaded = plain(&format!("big_{code}.npy"));
        assert_eq!(values(&loaded.array), expected(code), "{code}");
        assert_eq!(loaded.source, source(code));
    }
}

#[test]
fn arrays_without_axes_or_elements_are_legal() {
    let scalar = read_one(fixture("zero_axes.npy"), None).unwrap();
    assert!(scalar.array.shape().is_empty());
    assert_eq!(values(&scalar.array), [(2.5, 0.0)]);
    let vector = read_one(fixture("vector.npy"), None).unwrap();
    assert_eq!(vector.array.shape(), [5]);
    let empty = read_one(fixture("empty.npy"), None).unwrap();
    assert_eq!(empty.array.shape(), [3, 0, 2]);
    assert_eq!(empty.source_bytes(), 0);
}

#[test]
fn what_is_no_number_is_refused_with_a_remedy() {
    for (name, words) in [
        ("object.npy", "pickled Python objects"),
        ("strings.npy", "strings"),
        ("dates.npy", "dates"),
        ("structured.npy", "structured"),
        ("long_double.npy", "extended precision"),
    ] {
        let error = read(fixture(name)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(words) && text.contains(name), "{text}");
        assert!(text.contains("descr") && text.contains("; "), "{text}");
        let Error::File(inner) = error else {
            panic!("{text}")
        };
        assert_eq!(inner.kind, FileErrorKind::Unsupported);
        // Telling what it is needs no support for it.
        let inspection = inspect(fixture(name)).unwrap();
        assert_eq!(inspection.members[0].dtype, None, "{name}");
    }
}

#[test]
fn archives_are_read_whole_or_by_member() {
    for name in ["stored.npz", "deflated.npz"] {
        let all = read(fixture(name)).unwrap();
        let names: Vec<&str> = all.iter().map(|array| array.name.as_str()).collect();
        assert_eq!(names, ["first", "second"], "{name}");
        assert_eq!(all[0].source, DType::F32);
        assert_eq!(all[1].source, DType::I64);
        let ramp: Vec<(f64, f64)> = ramp().into_iter().map(|x| (x, 0.0)).collect();
        assert_eq!(values(&all[0].array), ramp);
        let second = read_one(fixture(name), Some("second")).unwrap();
        assert_eq!(values(&second.array)[4], (4.0, 0.0));

        let text = read_one(fixture(name), None).unwrap_err().to_string();
        assert!(
            text.contains("several arrays") && text.contains("\"second\""),
            "{text}"
        );
        let text = read_one(fixture(name), Some("third"))
            .unwrap_err()
            .to_string();
        assert!(text.contains("no array \"third\""), "{text}");

        let inspection = inspect(fixture(name)).unwrap();
        assert_eq!(inspection.format, Format::Npz);
        assert_eq!(inspection.members[0].shape, [2, 3, 4]);
        assert_eq!(inspection.members[1].bytes, 40);
    }
    let mixed = read_one(fixture("mixed.npz"), None).unwrap();
    assert_eq!(
        (mixed.name.as_str(), mixed.array.shape()),
        ("data", &[3][..])
    );
    let metadata = inspect(fixture("mixed.npz")).unwrap().metadata;
    assert_eq!(metadata, [("not an array".into(), "readme.txt".into())]);
}

#[test]
fn compressed_data_stay_within_the_bytes_allowed() {
    let zeros = fixture("zeros.npz");
    assert_eq!(read_one(&zeros, None).unwrap().array.len(), 65536);
    let options = ReadOptions {
        max_bytes: Some(65536),
        ..ReadOptions::default()
    };
    let Error::File(error) = read_one_with(&zeros, None, &options).unwrap_err() else {
        panic!("not a file error")
    };
    assert_eq!(error.kind, FileErrorKind::TooLarge);
    assert!(error.problem.contains("524288 bytes"), "{error}");
}

#[test]
fn safetensors_are_read_with_their_metadata() {
    let path = fixture("pair.safetensors");
    let first = read_one(&path, Some("first")).unwrap();
    let ramp: Vec<(f64, f64)> = ramp().into_iter().map(|x| (x, 0.0)).collect();
    assert_eq!(values(&first.array), ramp);
    let half = read_one(&path, Some("half")).unwrap();
    assert_eq!(
        (half.source, values(&half.array)),
        (DType::F16, vec![(0.5, 0.0), (-2.0, 0.0)])
    );
    assert_eq!(read(&path).unwrap().len(), 3);

    let raw = file::safetensors::read_raw(&path).unwrap();
    assert_eq!(raw.metadata_value("made by"), Some("safetensors"));
    assert_eq!(raw.metadata_value("note"), Some("quotes \" and \\ and ü"));
    assert_eq!(raw.bytes("half").unwrap(), [0x00, 0x38, 0x00, 0xc0]);
    assert_eq!(inspect(&path).unwrap().metadata.len(), 2);
}

/// `8 (7 i + j) mod 256` plus the channel, the picture of the fixtures.
fn picture(channels: usize) -> Vec<(f64, f64)> {
    let mut picture = Vec::new();
    for pixel in 0..35 {
        for channel in 0..channels {
            picture.push((((8 * pixel) % 256 + channel) as f64, 0.0));
        }
    }
    picture
}

#[test]
fn every_kind_of_png_is_expanded() {
    let plain = |name: &str| -> Loaded { read_one(fixture(name), None).unwrap() };
    for (name, channels) in [
        ("grey.png", 1),
        ("grey_alpha.png", 2),
        ("rgb.png", 3),
        ("rgba.png", 4),
        ("palette.png", 3),
    ] {
        let loaded = plain(name);
        let shape: &[usize] = if channels == 1 {
            &[5, 7]
        } else {
            &[5, 7, channels]
        };
        assert_eq!(loaded.array.shape(), shape, "{name}");
        assert_eq!(loaded.source, DType::U8);
        assert_eq!(values(&loaded.array), picture(channels), "{name}");
        let member = &inspect(fixture(name)).unwrap().members[0];
        assert_eq!(
            (member.shape.as_slice(), member.dtype),
            (shape, Some(DType::U8))
        );
    }
    let deep = plain("grey16.png");
    assert_eq!(deep.source, DType::U16);
    let want: Vec<(f64, f64)> = picture(1).iter().map(|&(x, _)| (257.0 * x, 0.0)).collect();
    assert_eq!(values(&deep.array), want);
    let bits = plain("bits.png");
    let want: Vec<(f64, f64)> = picture(1)
        .iter()
        .map(|&(x, _)| (if x > 128.0 { 255.0 } else { 0.0 }, 0.0))
        .collect();
    assert_eq!(values(&bits.array), want);
}

#[test]
fn baseline_and_progressive_jpeg_are_decoded() {
    let smooth = |i: usize, j: usize| (3 * i + 2 * j) as f64;
    for (name, channels, tolerance) in [
        ("grey.jpg", 1, 3.0),
        ("rgb.jpg", 3, 5.0),
        // Chroma at half resolution: edges of colour are softer.
        ("progressive.jpg", 3, 8.0),
    ] {
        let loaded = read_one(fixture(name), None).unwrap();
        let shape: &[usize] = if channels == 1 {
            &[24, 40]
        } else {
            &[24, 40, 3]
        };
        assert_eq!(loaded.array.shape(), shape);
        for (flat, (value, _)) in values(&loaded.array).into_iter().enumerate() {
            let (pixel, channel) = (flat / channels, flat % channels);
            let (i, j) = (pixel / 40, pixel % 40);
            let want = match channel {
                0 => smooth(i, j),
                1 => smooth(23 - i, j),
                _ => 255.0 - smooth(i, j),
            };
            let off = (value - want).abs();
            assert!(
                off <= tolerance,
                "{name}: [{i}, {j}, {channel}] {value} for {want}"
            );
        }
    }
}

#[test]
fn a_table_with_names_is_read() {
    let table = read_one(fixture("table.csv"), None).unwrap();
    assert_eq!(table.array.shape(), [6, 4]);
    let ramp: Vec<(f64, f64)> = ramp().into_iter().map(|x| (x, 0.0)).collect();
    assert_eq!(values(&table.array), ramp);
    let member = &inspect(fixture("table.csv")).unwrap().members[0];
    assert!(
        member
            .details
            .contains(&("columns".into(), "a, b, c, d".into()))
    );
}
