//! Hostile, damaged and mistaken files give an error that says what and where.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::{TempDir, tempdir};
use tensegrity_tensor::file::safetensors::Raw;
use tensegrity_tensor::file::{
    FileErrorKind, Format, NamedArray, ReadOptions, inspect, read, read_bytes, read_one, write,
    write_to,
};
use tensegrity_tensor::{Array, Error, Tensor};

fn fixture(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs::read(folder.join(name)).unwrap()
}

/// Reads `bytes` under a name and returns the kind and text of the error.
fn failure(folder: &TempDir, name: &str, bytes: &[u8]) -> (FileErrorKind, String) {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    failure_at(&path)
}

fn failure_at(path: &Path) -> (FileErrorKind, String) {
    match read(path) {
        Err(Error::File(error)) => {
            assert_eq!(error.path, path);
            let text = error.to_string();
            assert!(text.starts_with(&path.display().to_string()), "{text}");
            assert!(!text.contains('\n'), "{text}");
            (error.kind, text)
        }
        other => panic!("{}: {other:?}", path.display()),
    }
}

/// An npy file of a header text and data.
fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(data);
    bytes
}

fn shape(shape: &str, data: &[u8]) -> Vec<u8> {
    npy(
        &format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n"),
        data,
    )
}

fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(data);
    bytes
}

#[test]
fn files_that_cannot_be_opened() {
    let folder = tempdir().unwrap();
    let (kind, text) = failure_at(&folder.path().join("missing.npy"));
    assert_eq!(kind, FileErrorKind::NotFound);
    assert!(text.contains("check the name"), "{text}");
    let (kind, text) = failure_at(folder.path());
    assert_eq!(kind, FileErrorKind::Unreadable);
    assert!(text.contains("inside the folder"), "{text}");
    let (kind, text) = failure(&folder, "empty.npy", b"");
    assert_eq!(kind, FileErrorKind::WrongFormat);
    assert!(text.contains("the file is empty"), "{text}");
}

#[test]
fn content_decides_and_names_are_hints() {
    let folder = tempdir().unwrap();
    // A misleading name is read as what it is, with a note.
    let path = folder.path().join("picture.jpg");
    fs::write(&path, fixture("rgb.png")).unwrap();
    let loaded = read_one(&path, None).unwrap();
    assert_eq!(loaded.format, Format::Png);
    let note = "the name promises jpeg, the content is png and is read as such";
    assert_eq!(loaded.note.as_deref(), Some(note));
    assert_eq!(inspect(&path).unwrap().note.as_deref(), Some(note));
    // Errors inside mention it too.
    let bytes = fixture("rgb.png");
    let (_, text) = failure(&folder, "half.npz", &bytes[..60]);
    assert!(text.contains("the name promises npz"), "{text}");
    // No name at all.
    fs::write(folder.path().join("noname"), fixture("f4.npy")).unwrap();
    assert!(read(folder.path().join("noname")).is_ok());
    fs::write(folder.path().join("numbers.txt"), "1 \n 2 \n").unwrap();
    assert_eq!(
        read_one(folder.path().join("numbers.txt"), None)
            .unwrap()
            .array
            .shape(),
        [2]
    );

    for (name, bytes, words) in [
        (
            "x.npy",
            &b"1,2\n3,4\n"[..],
            "promises npy, but this is text; if it is a table",
        ),
        ("x.png", b"GIF89a....", "a GIF picture; convert it to PNG"),
        ("x.csv", b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        ("x", b"\x1f\x8b\x08\x00", "gunzip"),
        ("x.npy", b"\x80\x04\x95", "a Python pickle"),
        (
            "x.dat",
            b"\x00\x01\x02\x03",
            "beginning with bytes 00 01 02 03",
        ),
    ] {
        let (kind, text) = failure(&folder, name, bytes);
        assert_eq!(kind, FileErrorKind::WrongFormat, "{text}");
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn npy_headers_that_lie() {
    let folder = tempdir().unwrap();
    use FileErrorKind::{Corrupt, Truncated, Unsupported};
    let many = format!("({})", "1, ".repeat(33));
    let deep = format!("{}1{}", "(".repeat(5000), ",)".repeat(5000));
    for (bytes, kind, words) in [
        (
            shape("(2, 3)", &[0; 20]),
            Truncated,
            "needs 24 bytes, the file has 20",
        ),
        (
            shape("(4611686018427387904, 4)", &[0; 64]),
            Corrupt,
            "than any memory holds",
        ),
        (
            shape("(99999999999999999999999,)", &[]),
            Corrupt,
            "a number above 2^64",
        ),
        (
            shape("(1000000000000,)", &[0; 64]),
            Truncated,
            "needs 4000000000000 bytes",
        ),
        (shape("(-1,)", &[0; 64]), Corrupt, "a negative number"),
        (shape("(1.5,)", &[0; 64]), Corrupt, "not a plain integer"),
        (
            shape("('a',)", &[0; 64]),
            Corrupt,
            "not the length of an axis",
        ),
        (
            shape(&many, &[0; 4]),
            Unsupported,
            "33 axes are more than the 32",
        ),
        (shape(&deep, &[0; 4]), Corrupt, "nested too deep"),
        (
            npy("{'descr': '<f4'}", &[]),
            Corrupt,
            "key 'fortran_order' is missing",
        ),
        (
            npy("{'descr': '<f4', 'descr': '<f4'}", &[]),
            Corrupt,
            "occurs twice",
        ),
        (
            npy("{'descr': '<f4', 'other': 1}", &[]),
            Corrupt,
            "unknown key \"other\"",
        ),
        (npy("{'descr': '<f4", &[]), Corrupt, "a string without end"),
        (
            npy("__import__('os')", &[]),
            Corrupt,
            "neither a number, a string",
        ),
        (npy("[1, 2]", &[]), Corrupt, "it is not a dictionary"),
        (
            b"\x93NUMPY\x01\x00\xff\xff{}".to_vec(),
            Truncated,
            "announces 65535 bytes",
        ),
        (
            b"\x93NUMPY\x09\x00\x02\x00{}".to_vec(),
            Unsupported,
            "npy version 9.0",
        ),
        (
            b"\x93NUMPY\x01".to_vec(),
            Truncated,
            "ends inside the magic string",
        ),
        (
            b"\x93NUMPY\x01\x00\x01".to_vec(),
            Truncated,
            "ends inside the header length",
        ),
    ] {
        let (found, text) = failure(&folder, "x.npy", &bytes);
        assert!(text.contains(words), "{text}");
        assert_eq!(found, kind, "{text}");
        // The header alone is wrong: inspecting it fails as well.
        assert!(inspect(folder.path().join("x.npy")).is_err(), "{text}");
    }
    // Zero elements need no bytes, whatever the other axes say.
    let empty = read_bytes(&shape("(0, 99999999999)", &[]), &ReadOptions::default()).unwrap();
    assert_eq!(empty[0].array.shape(), [0, 99999999999]);
    // Bytes after the array are mentioned.
    let longer = read_bytes(&shape("(2,)", &[0; 11]), &ReadOptions::default()).unwrap();
    assert_eq!(
        longer[0].note.as_deref(),
        Some("3 bytes after the array were not read")
    );
    // What old and unusual writers wrote is read.
    for header in [
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2L,)}",
        "{\"shape\":(2),\"fortran_order\":False,\"descr\":\"=f4\"}   \n",
        "{ 'descr' : 'f4' ,\t'fortran_order' : False , 'shape' : [2] , } \0",
    ] {
        let bytes = npy(header, &[0, 0, 128, 63, 0, 0, 0, 64]);
        let loaded = read_bytes(&bytes, &ReadOptions::default()).unwrap();
        assert_eq!(
            loaded[0].array.typed::<f32>().unwrap().as_slice(),
            [1.0, 2.0],
            "{header}"
        );
    }
}

#[test]
fn every_truncation_is_noticed() {
    for name in [
        "f4.npy",
        "i8.npy",
        "fortran.npy",
        "stored.npz",
        "deflated.npz",
        "pair.safetensors",
        "rgb.png",
        "grey16.png",
        "grey.jpg",
        "rgb.jpg",
        "progressive.jpg",
    ] {
        let bytes = fixture(name);
        // A PNG's last chunk holds nothing; all pixels are there before it.
        let needed = if name.ends_with("png") {
            bytes.len() - 16
        } else {
            bytes.len()
        };
        for length in 0..needed {
            let read = read_bytes(&bytes[..length], &ReadOptions::default());
            let Err(Error::File(error)) = read else {
                panic!("{name} cut to {length} of {} bytes: {read:?}", bytes.len())
            };
            assert!(!error.problem.is_empty());
        }
    }
}

#[test]
fn archives_that_lie() {
    let folder = tempdir().unwrap();
    let stored = fixture("stored.npz");
    let find = |bytes: &[u8], magic: &[u8]| {
        bytes
            .windows(magic.len())
            .position(|window| window == magic)
            .unwrap()
    };
    let central = find(&stored, b"PK\x01\x02");
    let damage = |at: usize, value: &[u8]| {
        let mut bytes = stored.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        bytes
    };
    let data = find(&stored, b"\x93NUMPY");
    let twice = {
        let array: Array = Tensor::scalar(1.0f32).into();
        let named = |name: &str| NamedArray {
            name: name.into(),
            array: &array,
            dtype: None,
        };
        let mut bytes = Vec::new();
        write_to(&mut bytes, Format::Npz, &[named("aa"), named("bb")]).unwrap();
        while let Some(at) = bytes.windows(6).position(|window| window == b"bb.npy") {
            bytes[at..at + 2].copy_from_slice(b"aa");
        }
        bytes
    };
    for (bytes, words) in [
        (damage(data + 140, &[9]), "the checksum of the data is"),
        (damage(central + 10, &[12]), "compression method 12"),
        (damage(central + 8, &[1]), "encrypted"),
        (
            damage(central + 20, &[255, 255, 255, 0]),
            "run into what lies",
        ),
        (
            damage(central + 24, &[255, 255, 255, 0]),
            "cannot unpack to",
        ),
        (
            damage(central + 24, &[255, 255, 255, 255]),
            "zip64 sizes of member",
        ),
        (damage(central + 42, &[1, 0, 0, 0]), "no member begins here"),
        (damage(central, b"XX"), "no directory record here"),
        (
            stored[..stored.len() - 30].to_vec(),
            "no directory at its end",
        ),
        (twice, "member \"aa\" occurs twice"),
    ] {
        let (_, text) = failure(&folder, "x.npz", &bytes);
        assert!(text.contains(words), "{words}: {text}");
    }
    // Deflated bytes that are no deflate stream.
    let mut deflated = fixture("deflated.npz");
    let at = find(&deflated, b"first.npy") + 9 + 20;
    deflated[at..at + 8].fill(0xff);
    let (kind, text) = failure(&folder, "x.npz", &deflated);
    assert_eq!(kind, FileErrorKind::Corrupt, "{text}");

    let (kind, text) = failure(
        &folder,
        "x.npz",
        b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    );
    assert_eq!(kind, FileErrorKind::NoSuchMember);
    assert!(text.contains("holds no array"), "{text}");
}

#[test]
fn safetensors_that_lie() {
    let folder = tempdir().unwrap();
    let one = |info: &str| format!("{{\"a\":{{{info}}}}}");
    let f4 = |shape: &str, offsets: &str| {
        one(&format!(
            "\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":{offsets}"
        ))
    };
    let two = |first: &str, second: &str| {
        let entry =
            |offsets| format!("{{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":{offsets}}}");
        format!("{{\"a\":{},\"b\":{}}}", entry(first), entry(second))
    };
    let axes = format!("[{}1]", "1,".repeat(32));
    for (header, data, words) in [
        (f4("[2]", "[0,8]"), 7, "the file has 7"),
        (
            f4("[2]", "[0,4]"),
            4,
            "4 bytes do not fill shape [2] of F32",
        ),
        (f4("[2]", "[8,0]"), 8, "lies before the start"),
        (
            f4("[4611686018427387904,4]", "[0,0]"),
            0,
            "than any memory holds",
        ),
        (f4("[18446744073709551616]", "[0,0]"), 0, "header, byte"),
        (f4("[-1]", "[0,0]"), 0, "header, byte"),
        (f4(&axes, "[0,4]"), 4, "more than the 32 axes"),
        (f4("[2]", "[0,8]"), 9, "1 bytes belong to no tensor"),
        (
            two("[0,4]", "[2,6]"),
            6,
            "belongs to another tensor already",
        ),
        (two("[0,4]", "[5,9]"), 9, "bytes 4 to 5 belong to no tensor"),
        (
            two("[0,4]", "[0,4]"),
            4,
            "belongs to another tensor already",
        ),
        (
            two("[0,4]", "[4,8]").replace("\"b\"", "\"a\""),
            8,
            "\"a\" occurs twice",
        ),
        (
            one("\"dtype\":\"F32\",\"dtype\":\"F32\""),
            0,
            "\"dtype\" occurs twice",
        ),
        (one("\"dtype\":\"F32\",\"shape\":[]"), 4, "data_offsets"),
        (
            "{\"__metadata__\":{\"k\":1}}".into(),
            0,
            "expected a string",
        ),
        (
            "{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}".into(),
            0,
            "metadata \"k\" occurs twice",
        ),
        ("{\"a\":".into(), 0, "EOF while parsing"),
        ("{}x".into(), 0, "trailing characters"),
        (
            format!("{{\"a\":{}1", "[".repeat(100_000)),
            0,
            "header, byte",
        ),
    ] {
        let bytes = safetensors(&header, &vec![0; data]);
        let (_, text) = failure(&folder, "x.safetensors", &bytes);
        assert!(text.contains(words), "{text}");
        assert!(Raw::from_bytes(bytes).is_err());
    }
    let mut long = u64::MAX.to_le_bytes().to_vec();
    long.extend_from_slice(b"{}");
    let (kind, text) = failure(&folder, "x.safetensors", &long);
    assert_eq!(kind, FileErrorKind::Truncated, "{text}");
    assert!(
        text.contains("announces 18446744073709551615 bytes, the file has 2 more"),
        "{text}"
    );

    // An unsupported element type is listed, and named when its data are wanted.
    let eight = one("\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]");
    let bytes = safetensors(&eight, &[0; 4]);
    let (kind, text) = failure(&folder, "x.safetensors", &bytes);
    assert_eq!(kind, FileErrorKind::Unsupported);
    assert!(
        text.contains("F8_E4M3") && text.contains("bfloat16"),
        "{text}"
    );
    let members = inspect(folder.path().join("x.safetensors"))
        .unwrap()
        .members;
    assert_eq!(
        (members[0].type_name.as_str(), members[0].dtype),
        ("F8_E4M3", None)
    );
    assert_eq!(Raw::from_bytes(bytes).unwrap().bytes("a").unwrap(), [0; 4]);
}

#[test]
fn tables_that_are_none() {
    let folder = tempdir().unwrap();
    for (text, words) in [
        ("1,2\n3,x\n", "line 2, column 2: \"x\" is not a number"),
        (
            "1,2\n3\n",
            "line 2, column 2: the line has 1 cells, the first has 2",
        ),
        (
            "1,2\n3,4,5\n",
            "line 2, column 3: the line has 3 cells, the first has 2",
        ),
        (
            "a,b\n1,\n",
            "line 2, column 2: the cell is empty; write nan",
        ),
        (
            "a;b\n\n1,5;2\n",
            "line 3, column 1: \"1,5\" is not a number; write a decimal point: 1.5",
        ),
        (
            "year,1\n2000,2\n",
            "line 1, column 1: \"year\" is not a number",
        ),
        ("a,b\n", "the table has no row of numbers"),
        ("# nothing\n", "the table has no row of numbers"),
        ("1,\"2\n", "line 1, column 2: a quote is not closed"),
        ("1 2 3\n", "no row of numbers"),
    ] {
        let (kind, found) = failure(&folder, "x.csv", text.as_bytes());
        assert_eq!(kind, FileErrorKind::Corrupt);
        let expected = if text == "1 2 3\n" {
            "no row of numbers"
        } else {
            words
        };
        assert!(found.contains(expected), "{found}");
    }
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(*b"1\0,\x002\0").collect();
    let (kind, text) = failure(&folder, "x.csv", &utf16);
    assert_eq!(kind, FileErrorKind::Unsupported);
    assert!(text.contains("UTF-16"), "{text}");
    let (_, text) = failure(&folder, "x.csv", b"1,2\n3,\xe4\n");
    assert!(
        text.contains("line 2, byte 3: the text is not UTF-8"),
        "{text}"
    );
}

#[test]
fn picture_headers_that_lie() {
    let folder = tempdir().unwrap();
    // A PNG that claims to be 40000 by 40000, with its checksum right.
    let mut png = fixture("rgb.png");
    png[16..20].copy_from_slice(&40_000u32.to_be_bytes());
    png[20..24].copy_from_slice(&40_000u32.to_be_bytes());
    let crc = crc32fast::hash(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    let (kind, text) = failure(&folder, "x.png", &png);
    assert_eq!(kind, FileErrorKind::Truncated);
    assert!(
        text.contains("cannot hold a picture of shape [40000, 40000, 3]"),
        "{text}"
    );
    assert!(inspect(folder.path().join("x.png")).is_err());

    // A JPEG that claims to be 65535 by 65535.
    let mut jpeg = fixture("rgb.jpg");
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    jpeg[frame + 5..frame + 9].fill(0xff);
    let (kind, text) = failure(&folder, "x.jpg", &jpeg);
    assert_eq!(kind, FileErrorKind::Truncated);
    assert!(text.contains("cannot hold a picture"), "{text}");

    // A flipped bit in the pixels of a PNG does not pass its checksum.
    let mut png = fixture("rgb.png");
    let data = png.windows(4).position(|window| window == b"IDAT").unwrap();
    png[data + 12] ^= 1;
    let (kind, text) = failure(&folder, "x.png", &png);
    assert_eq!(kind, FileErrorKind::Corrupt, "{text}");
}

#[test]
fn arrays_a_format_cannot_hold() {
    let folder = tempdir().unwrap();
    let array: Array = Tensor::<f64>::zeros(&[2, 3, 5]).unwrap().into();
    for (name, words) in [
        ("x.png", "shape [2, 3, 5] is no picture"),
        ("x.jpg", "choose a slice"),
        ("x.csv", "a table cannot hold shape [2, 3, 5]"),
        (
            "x.tsg",
            "write .safetensors, or compress the array with fit",
        ),
        ("x.xyz", "extension \"xyz\" names no format"),
        ("x", "no extension"),
    ] {
        let path = folder.path().join(name);
        let text = write(&path, &array).unwrap_err().to_string();
        assert!(text.contains(words) && text.contains(name), "{text}");
        assert!(!path.exists());
    }
    let many: Array = Tensor::<f32>::zeros(&[1; 33]).unwrap().into();
    for name in ["x.npy", "x.npz", "x.safetensors"] {
        let text = write(folder.path().join(name), &many)
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("33 axes") || text.contains("too large"),
            "{text}"
        );
    }
    let nan: Array = Tensor::from_vec(vec![0.0, f32::NAN], &[1, 2])
        .unwrap()
        .into();
    let text = write(folder.path().join("x.png"), &nan)
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("index [0, 1]: NaN cannot be stored as uint8"),
        "{text}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
