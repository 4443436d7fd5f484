//! What is written is read back, in every format and element type.

use tempfile::tempdir;
use tensegrity_tensor::file::safetensors::{RawTensor, read_raw, to_bytes, write_raw};
use tensegrity_tensor::file::{
    self, Format, NamedArray, ReadOptions, decode, encode, first_non_finite, inspect, read,
    read_bytes, read_one, read_one_with, write, write_all, write_to,
};
use tensegrity_tensor::{Array, DType, SplitMix64, Tensor, c64, c128};

/// One array of every compute type, with extreme values among random ones.
fn arrays(shape: &[usize]) -> Vec<Array> {
    let count: usize = shape.iter().product();
    let mut seed = SplitMix64::new(7);
    let mut bits = || seed.next_u64();
    let f64s: Vec<f64> = (0..count).map(|_| f64::from_bits(bits() >> 2)).collect();
    let f32s: Vec<f32> = (0..count)
        .map(|_| f32::from_bits((bits() >> 34) as u32))
        .collect();
    let i64s: Vec<i64> = (0..count).map(|_| bits() as i64).collect();
    let c64s = f32s.iter().map(|&x| c64::new(x, -x)).collect();
    let c128s = f64s.iter().map(|&x| c128::new(-x, x)).collect();
    vec![
        Tensor::from_vec(f32s, shape).unwrap().into(),
        Tensor::from_vec(f64s, shape).unwrap().into(),
        Tensor::from_vec(c64s, shape).unwrap().into(),
        Tensor::from_vec(c128s, shape).unwrap().into(),
        Tensor::from_vec(i64s, shape).unwrap().into(),
    ]
}

fn exact() -> ReadOptions {
    ReadOptions {
        exact_integers: true,
        ..ReadOptions::default()
    }
}

#[test]
fn every_compute_type_survives_every_format_of_arrays() {
    let folder = tempdir().unwrap();
    for shape in [&[] as &[usize], &[5], &[3, 0, 2], &[2, 3, 4, 5], &[5000, 3]] {
        for array in arrays(shape) {
            for extension in ["npy", "npz", "safetensors"] {
                if extension == "safetensors" && array.dtype() == DType::C128 {
                    continue;
                }
                let path = folder.path().join(format!("array.{extension}"));
                write(&path, &array).unwrap();
                let loaded = read_one_with(&path, None, &exact()).unwrap();
                assert_eq!(loaded.array, array, "{extension} {shape:?}");
                assert_eq!(loaded.source, array.dtype());
                assert_eq!(loaded.name, "array");
                assert_eq!(loaded.note, None);
                let inspection = inspect(&path).unwrap();
                assert_eq!(inspection.members[0].shape, shape);
                assert_eq!(inspection.members[0].dtype, Some(array.dtype()));
                assert_eq!(
                    inspection.file_bytes,
                    std::fs::metadata(&path).unwrap().len()
                );
            }
        }
    }
}

#[test]
fn every_stored_type_survives() {
    let folder = tempdir().unwrap();
    let array: Array = Tensor::from_vec(vec![0i64, 1, 0, 1, 100, 127], &[2, 3])
        .unwrap()
        .into();
    for dtype in DType::ALL {
        for extension in ["npy", "npz", "safetensors"] {
            let missing = match extension {
                "safetensors" => dtype == DType::C128,
                _ => dtype == DType::BF16,
            };
            let path = folder.path().join(format!("array.{extension}"));
            let named = NamedArray {
                name: "x".into(),
                array: &array,
                dtype: Some(dtype),
            };
            let written = write_all(&path, &[named]);
            if missing {
                let text = written.unwrap_err().to_string();
                assert!(
                    text.contains("have no") && text.contains(dtype.name()),
                    "{text}"
                );
                continue;
            }
            written.unwrap();
            let loaded = read_one(&path, None).unwrap();
            assert_eq!(loaded.source, dtype, "{extension}");
            let want = match dtype {
                DType::Bool => vec![0i64, 1, 0, 1, 1, 1],
                _ => vec![0, 1, 0, 1, 100, 127],
            };
            let back = decode(
                &encode(&loaded.array, DType::C128).unwrap(),
                DType::C128,
                &[2, 3],
                false,
            );
            let want: Vec<c128> = want.iter().map(|&x| c128::new(x as f64, 0.0)).collect();
            assert_eq!(back.unwrap().typed::<c128>().unwrap().as_slice(), want);
        }
    }
}

#[test]
fn integers_are_rounded_to_even_and_clipped() {
    let values = vec![-300.0, -0.5, 0.5, 1.5, 2.5, 254.6, 1e9, f64::INFINITY];
    let array: Array = Tensor::from_vec(values, &[8]).unwrap().into();
    assert_eq!(
        encode(&array, DType::U8).unwrap(),
        [0, 0, 0, 2, 2, 255, 255, 255]
    );
    assert_eq!(encode(&array, DType::I8).unwrap()[..2], [0x80, 0]);
    assert_eq!(
        encode(&array, DType::Bool).unwrap(),
        [1, 0, 0, 1, 1, 1, 1, 1]
    );
    let nan: Array = Tensor::from_vec(vec![1.0, 2.0, 3.0, f64::NAN], &[2, 2])
        .unwrap()
        .into();
    let text = encode(&nan, DType::U16).unwrap_err().to_string();
    assert!(text.contains("[1, 1]") && text.contains("uint16"), "{text}");
    let complex: Array = Tensor::scalar(c64::new(1.0, 0.0)).into();
    assert!(encode(&complex, DType::F32).is_err());
    let integers: Array = Tensor::from_vec(vec![i64::MIN, -1, 300, i64::MAX], &[4])
        .unwrap()
        .into();
    assert_eq!(encode(&integers, DType::U8).unwrap(), [0, 0, 255, 255]);
    let wide = encode(&integers, DType::U64).unwrap();
    assert_eq!(wide[24..], i64::MAX.to_le_bytes());
}

#[test]
fn tables_are_read_back_to_the_last_bit() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("table.csv");
    for array in arrays(&[40, 7]) {
        if array.dtype().is_complex() {
            let text = write(&path, &array).unwrap_err().to_string();
            assert!(text.contains("complex") && text.contains(".npy"), "{text}");
            continue;
        }
        write(&path, &array).unwrap();
        let back = read_one_with(&path, None, &exact()).unwrap().array;
        // Text does not say whether a number was single precision.
        let back = match array.dtype() {
            DType::F32 => decode(
                &encode(&back, DType::F32).unwrap(),
                DType::F32,
                &[40, 7],
                true,
            )
            .unwrap(),
            _ => back,
        };
        assert_eq!(back, array);
    }
    let column: Array = Tensor::from_vec(vec![1.5, -2.0], &[2]).unwrap().into();
    write(&path, &column).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "1.5\n-2.0\n");
    assert_eq!(read_one(&path, None).unwrap().array, column);
}

#[test]
fn tables_in_other_dialects_are_read() {
    for (text, shape, values) in [
        ("1;2\n3;4\n", vec![2, 2], vec![1.0, 2.0, 3.0, 4.0]),
        ("1\t2\r\n3\t4", vec![2, 2], vec![1.0, 2.0, 3.0, 4.0]),
        (
            "\u{feff}\"x, in m\";y\n 1 ; -2e3\n\n# a comment\n\"3\";nan",
            vec![2, 2],
            vec![1.0, -2e3, 3.0, f64::NAN],
        ),
        ("# heading\n1,2,3\n", vec![1, 3], vec![1.0, 2.0, 3.0]),
        ("value\n1\n2\n3\n", vec![3], vec![1.0, 2.0, 3.0]),
        (",a,b\n0,1,inf\n", vec![1, 3], vec![0.0, 1.0, f64::INFINITY]),
    ] {
        let loaded = read_bytes(text.as_bytes(), &ReadOptions::default()).unwrap();
        assert_eq!(loaded[0].array.shape(), shape, "{text}");
        let found = loaded[0].array.typed::<f64>().unwrap().as_slice();
        let same = |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan();
        assert!(found.iter().zip(&values).all(same), "{text}: {found:?}");
    }
}

#[test]
fn pictures_survive_as_png_and_nearly_as_jpeg() {
    let folder = tempdir().unwrap();
    for channels in [None, Some(1), Some(2), Some(3), Some(4)] {
        let shape: Vec<usize> = [20, 30].into_iter().chain(channels).collect();
        let array: Array = Tensor::from_fn(&shape, |index| {
            let channel = index.get(2).copied().unwrap_or(0);
            (4 * index[0] + 3 * index[1] + 10 * channel) as f32
        })
        .unwrap()
        .into();
        let read_shape = match channels {
            Some(1) => vec![20, 30],
            _ => shape.clone(),
        };
        for dtype in [DType::U8, DType::U16] {
            let path = folder.path().join("picture.png");
            let named = NamedArray {
                name: String::new(),
                array: &array,
                dtype: Some(dtype),
            };
            write_all(&path, &[named]).unwrap();
            let back = read_one(&path, None).unwrap();
            assert_eq!((back.source, back.array.shape()), (dtype, &read_shape[..]));
            let (found, want) = (
                back.array.typed::<f32>().unwrap(),
                array.typed::<f32>().unwrap(),
            );
            assert_eq!(found.as_slice(), want.as_slice());
        }
        let path = folder.path().join("picture.jpg");
        if matches!(channels, Some(2 | 4)) {
            let text = write(&path, &array).unwrap_err().to_string();
            assert!(text.contains("is no picture of this format"), "{text}");
            continue;
        }
        write(&path, &array).unwrap();
        let back = read_one(&path, None).unwrap();
        assert_eq!(
            (back.format, back.array.shape()),
            (Format::Jpeg, &read_shape[..])
        );
        let (found, want) = (
            back.array.typed::<f32>().unwrap(),
            array.typed::<f32>().unwrap(),
        );
        let off = found
            .as_slice()
            .iter()
            .zip(want.as_slice())
            .map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f32::max) <= 5.0);
    }
}

#[test]
fn several_arrays_keep_names_and_types() {
    let folder = tempdir().unwrap();
    let (a, b) = (
        Tensor::from_vec(vec![1.0f32; 3], &[3]).unwrap().into(),
        Tensor::scalar(2.0f64).into(),
    );
    let named = |name: &str, array| NamedArray {
        name: name.into(),
        array,
        dtype: None,
    };
    for extension in ["npz", "safetensors"] {
        let path = folder.path().join(format!("pair.{extension}"));
        write_all(&path, &[named("naïve \"a\"", &a), named("b/c", &b)]).unwrap();
        let mut back = read(&path).unwrap();
        back.sort_by_key(|loaded| loaded.array.len());
        assert_eq!((back[0].name.as_str(), &back[0].array), ("b/c", &b));
        assert_eq!((back[1].name.as_str(), &back[1].array), ("naïve \"a\"", &a));

        let text = write_all(&path, &[named("x", &a), named("x", &b)])
            .unwrap_err()
            .to_string();
        assert!(text.contains("two arrays have the name \"x\""), "{text}");
    }
    for extension in ["npy", "png", "csv"] {
        let path = folder.path().join(format!("pair.{extension}"));
        let text = write_all(&path, &[named("a", &a), named("b", &b)])
            .unwrap_err()
            .to_string();
        assert!(text.contains("holds one array, not 2"), "{text}");
    }
    // The same arrays give the same bytes.
    let bytes = || {
        let mut bytes = Vec::new();
        write_to(&mut bytes, Format::Npz, &[named("a", &a)]).unwrap();
        bytes
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn raw_safetensors_are_minimal_and_keep_everything() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("fit.tsg");
    let codes = [1u8, 2, 3, 4, 5];
    let tensors = [
        RawTensor {
            name: "codes",
            dtype: DType::U8,
            shape: &[5],
            bytes: &codes,
        },
        RawTensor {
            name: "core",
            dtype: DType::F16,
            shape: &[1, 2],
            bytes: &[0x00, 0x3c, 0x00, 0xc0],
        },
        RawTensor {
            name: "none",
            dtype: DType::F32,
            shape: &[0],
            bytes: &[],
        },
    ];
    let metadata = [
        ("diagram", "{\"nodes\":[1,2]}"),
        ("by", "a \u{1F600} test\n"),
    ];
    write_raw(&path, &tensors, &metadata).unwrap();
    let raw = read_raw(&path).unwrap();
    assert_eq!(raw.metadata()[0].0, "diagram");
    for (key, value) in metadata {
        assert_eq!(raw.metadata_value(key), Some(value));
    }
    for tensor in &tensors {
        let member = raw.member(tensor.name).unwrap();
        assert_eq!(
            (member.dtype, member.shape.as_slice()),
            (Some(tensor.dtype), tensor.shape)
        );
        assert_eq!(raw.bytes(tensor.name).unwrap(), tensor.bytes);
    }
    let core = raw.array("core", false).unwrap();
    assert_eq!(core.typed::<f32>().unwrap().as_slice(), [1.0, -2.0]);
    assert!(
        raw.bytes("other")
            .unwrap_err()
            .to_string()
            .contains("no tensor \"other\"")
    );

    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes, to_bytes(&tensors, &metadata).unwrap());
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    assert_eq!(header % 8, 0);
    assert_eq!(bytes.len(), 8 + header + 9);
    let text = std::str::from_utf8(&bytes[8..8 + header]).unwrap();
    let compact = serde_json::to_string(&serde_json::from_str::<serde_json::Value>(text).unwrap());
    assert!(header < compact.unwrap().len() + 8, "{text}");
    // Other programs read the same file, plain arrays included.
    assert_eq!(read(&path).unwrap().len(), 3);

    for (tensor, words) in [
        (
            RawTensor {
                bytes: &codes[..4],
                ..tensors[0].clone()
            },
            "4 bytes do not fill",
        ),
        (
            RawTensor {
                name: "__metadata__",
                ..tensors[0].clone()
            },
            "reserved",
        ),
        (
            RawTensor {
                name: "core",
                ..tensors[0].clone()
            },
            "occurs twice",
        ),
        (
            RawTensor {
                dtype: DType::C128,
                shape: &[0],
                bytes: &[],
                ..tensors[0].clone()
            },
            "complex128",
        ),
    ] {
        let text = to_bytes(&[tensor, tensors[1].clone()], &[])
            .unwrap_err()
            .to_string();
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn the_first_non_finite_element_has_an_index() {
    let mut values = vec![0.0f32; 24];
    let array: Array = Tensor::from_vec(values.clone(), &[2, 3, 4]).unwrap().into();
    assert_eq!(first_non_finite(&array), None);
    values[17] = f32::NEG_INFINITY;
    values[23] = f32::NAN;
    let array: Array = Tensor::from_vec(values, &[2, 3, 4]).unwrap().into();
    assert_eq!(first_non_finite(&array), Some(vec![1, 1, 1]));
    assert_eq!(
        file::first_non_finite(&Tensor::scalar(f64::NAN).into()),
        Some(vec![])
    );
}
