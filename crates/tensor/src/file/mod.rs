//! Reading and writing arrays: png, jpeg, npy, npz, safetensors and csv.
//!
//! [`read`] loads every array of a file, [`read_one`] one of them, [`inspect`]
//! tells what a file holds without loading it, [`write()`] and [`write_all`] write
//! by extension. The format of a file is decided by its content; its extension
//! is a hint.
//!
//! Element types: `f32`, `f64`, `complex64` and `complex128` are read as they
//! are; `bool`, 8- and 16-bit integers and half floats become `f32`, which
//! holds them exactly; 32- and 64-bit integers become `f64`, which is exact up
//! to 2^53 ([`ReadOptions::exact_integers`] gives `i64` instead). The element
//! type of the file is kept in [`Loaded::source`].
//!
//! Guarantees: no content of a file makes a reader panic, and none makes it
//! take more memory than the data the file can really hold, times the widening
//! of elements; lengths in headers are checked against the file first. Elements
//! are read straight into the memory of the result. Writes are all or nothing
//! ([`write_atomic`]), and the same arrays give the same bytes.
//! Not guaranteed: that elements are finite; see [`first_non_finite`].
//!
//! ```
//! use tensegrity_tensor::{Array, Tensor, file};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("ramp.npy");
//! let ramp: Array = Tensor::from_fn(&[2, 3], |i| (10 * i[0] + i[1]) as f32)?.into();
//! file::write(&path, &ramp)?;
//!
//! let inspection = file::inspect(&path)?;
//! assert_eq!(inspection.members[0].shape, [2, 3]);
//! let loaded = file::read_one(&path, None)?;
//! assert_eq!(loaded.array, ramp);
//! assert_eq!(loaded.source_bytes(), 24);
//!
//! std::fs::write(&path, "not an array")?;
//! let error = file::read(&path).unwrap_err().to_string();
//! assert!(error.ends_with("promises npy, but this is text; if it is a table of numbers, name it .csv"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod encoding;
mod fault;
mod format;
#[doc(hidden)]
pub mod fuzzing;
mod input;
mod literal;
mod npy;
mod npz;
mod output;
mod picture;
pub mod safetensors;
mod table;
mod zip;

use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::path::Path;

pub use encoding::{MAX_FILE_AXES, decode, encode, first_non_finite};
pub use fault::{FileError, FileErrorKind};
pub use format::Format;
pub use output::{ensure_writable, write_atomic};

use crate::{Array, DType, Error, Result};
use encoding::check_conversion;
use fault::{at_path, fault, in_member, unreadable};
use input::{Budget, Input};

/// How to read a file.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Integers and booleans become `i64` instead of floats; `u64` values above
    /// 2^63 − 1 are then an error.
    pub exact_integers: bool,
    /// Most bytes of elements, as the file's types count them, to read.
    ///
    /// `None`: no limit for stored data, which the file bounds; for compressed
    /// data 1 GiB or 64 times the file, whichever is more.
    pub max_bytes: Option<u64>,
}

/// An array read from a file.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Name of the member, or the file's name without extension.
    pub name: String,
    /// The elements, as compute types.
    pub array: Array,
    /// The element type in the file.
    pub source: DType,
    /// The format of the file.
    pub format: Format,
    /// Something the user should know: a misleading extension, bytes left unread.
    pub note: Option<String>,
}

impl Loaded {
    /// Bytes of the array in the element type of the file.
    #[must_use]
    pub fn source_bytes(&self) -> u64 {
        self.array.len() as u64 * self.source.size() as u64
    }
}

/// What a file holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// Its format.
    pub format: Format,
    /// Its length in bytes.
    pub file_bytes: u64,
    /// The arrays in it.
    pub members: Vec<Member>,
    /// Strings kept beside the arrays: the `__metadata__` of safetensors.
    pub metadata: Vec<(String, String)>,
    /// Something the user should know, such as a misleading extension.
    pub note: Option<String>,
}

impl Inspection {
    /// Format, length and note are filled in where the file is known.
    fn new(members: Vec<Member>, metadata: Vec<(String, String)>) -> Self {
        Self {
            format: Format::Npy,
            file_bytes: 0,
            members,
            metadata,
            note: None,
        }
    }
}

/// One array of a file.
#[derive(Clone, Debug)]
pub struct Member {
    /// Name of the member, or the file's name without extension.
    pub name: String,
    /// Its element type, if it can be read.
    pub dtype: Option<DType>,
    /// Its element type as NumPy or, where unsupported, the file names it.
    pub type_name: String,
    /// Its axis lengths.
    pub shape: Vec<usize>,
    /// Bytes of its elements.
    pub bytes: u64,
    /// Bytes it takes in the file.
    pub stored_bytes: u64,
    /// What else the format says: byte order, packing, bit depth, column names.
    pub details: Vec<(String, String)>,
}

/// An array to be written.
#[derive(Clone, Debug)]
pub struct NamedArray<'a> {
    /// Name of the member; formats of one array have no use for it.
    pub name: String,
    /// The elements.
    pub array: &'a Array,
    /// The element type in the file; `None` is the array's own, or `uint8` in
    /// pictures. Values are rounded and clipped as [`encode`] does.
    pub dtype: Option<DType>,
}

impl NamedArray<'_> {
    fn stored_dtype(&self) -> DType {
        self.dtype.unwrap_or(self.array.dtype())
    }
}

/// An array as a format reader returns it.
struct Content {
    array: Array,
    source: DType,
    note: Option<String>,
}

/// Which members to read.
enum Selection<'a> {
    All,
    Only,
    Named(&'a str),
}

impl Selection<'_> {
    /// Positions of the members to read among `names`.
    fn choose(&self, names: &[&str]) -> Result<Vec<usize>> {
        let listed = || {
            let shown: Vec<String> = names
                .iter()
                .take(8)
                .map(|name| format!("{name:?}"))
                .collect();
            let dots = if names.len() > shown.len() {
                ", …"
            } else {
                ""
            };
            format!(
                "name one of the {} members: {}{dots}",
                names.len(),
                shown.join(", ")
            )
        };
        let no_such = |problem: String, remedy: String| {
            Err(fault(FileErrorKind::NoSuchMember, "", problem, remedy))
        };
        match *self {
            _ if names.is_empty() => no_such("the file holds no array".into(), String::new()),
            Selection::All => Ok((0..names.len()).collect()),
            Selection::Only if names.len() == 1 => Ok(vec![0]),
            Selection::Only => no_such("the file holds several arrays".into(), listed()),
            Selection::Named(wanted) => match names.iter().position(|&name| name == wanted) {
                Some(index) => Ok(vec![index]),
                None => no_such(format!("there is no array {wanted:?}"), listed()),
            },
        }
    }
}

/// Reads every array of a file.
///
/// # Errors
/// [`Error::File`], which says where in the file what is wrong and what to do.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<Loaded>> {
    read_with(path, &ReadOptions::default())
}

/// Reads every array of a file; see [`ReadOptions`].
///
/// # Errors
/// As [`read`].
pub fn read_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Vec<Loaded>> {
    read_path(path.as_ref(), &Selection::All, options)
}

/// Reads one array of a file: the one named, or the only one.
///
/// # Errors
/// As [`read`]; [`FileErrorKind::NoSuchMember`] if there is none of that name,
/// or none is named and there are several.
pub fn read_one(path: impl AsRef<Path>, member: Option<&str>) -> Result<Loaded> {
    read_one_with(path, member, &ReadOptions::default())
}

/// Reads one array of a file; see [`read_one`] and [`ReadOptions`].
///
/// # Errors
/// As [`read_one`].
pub fn read_one_with(
    path: impl AsRef<Path>,
    member: Option<&str>,
    options: &ReadOptions,
) -> Result<Loaded> {
    let selection = member.map_or(Selection::Only, Selection::Named);
    let mut loaded = read_path(path.as_ref(), &selection, options)?;
    Ok(loaded.swap_remove(0))
}

/// Reads every array of a file whose bytes are in memory.
///
/// # Errors
/// As [`read`], without a path.
pub fn read_bytes(bytes: &[u8], options: &ReadOptions) -> Result<Vec<Loaded>> {
    let mut cursor = Cursor::new(bytes);
    let mut input = Input::new(&mut cursor, bytes.len() as u64);
    let (format, _) = detect(&mut input, None)?;
    read_format(&mut input, format, &Selection::All, options, "array")
}

/// Tells what a file holds; only tables are gone through, for their rows.
///
/// # Errors
/// As [`read`]. Arrays of unsupported element types are listed, not refused.
pub fn inspect(path: impl AsRef<Path>) -> Result<Inspection> {
    let path = path.as_ref();
    with_format(path, |input, format, note| {
        let mut inspection = inspect_format(input, format, &stem(path))?;
        inspection.note = note;
        Ok(inspection)
    })
}

/// As [`inspect`], for a file whose bytes are in memory.
///
/// # Errors
/// As [`inspect`], without a path.
pub fn inspect_bytes(bytes: &[u8]) -> Result<Inspection> {
    let mut cursor = Cursor::new(bytes);
    let mut input = Input::new(&mut cursor, bytes.len() as u64);
    let (format, _) = detect(&mut input, None)?;
    inspect_format(&mut input, format, "array")
}

/// Writes one array; the extension decides the format.
///
/// Pictures round values and clip them to 0..255.
///
/// # Errors
/// [`Error::File`] if the extension names no format, the format cannot hold the
/// array, or the file cannot be written. A previous file is then untouched.
pub fn write(path: impl AsRef<Path>, array: &Array) -> Result<()> {
    let named = NamedArray {
        name: stem(path.as_ref()),
        array,
        dtype: None,
    };
    write_all(path, &[named])
}

/// Writes several arrays, or one under a name or as another element type.
///
/// # Errors
/// As [`write()`]; also if the format holds one array and there are more, or a
/// name occurs twice.
pub fn write_all(path: impl AsRef<Path>, arrays: &[NamedArray<'_>]) -> Result<()> {
    let path = path.as_ref();
    let format = output_format(path).map_err(|error| at_path(error, path))?;
    let writer = prepare(format, arrays).map_err(|error| at_path(error, path))?;
    write_atomic(path, |target| writer(target))
}

/// Writes the bytes of a file of `format` to any target.
///
/// # Errors
/// As [`write_all`].
pub fn write_to(target: &mut dyn Write, format: Format, arrays: &[NamedArray<'_>]) -> Result<()> {
    prepare(format, arrays)?(target).map_err(|error| fault::unwritable(&error))
}

fn output_format(path: &Path) -> Result<Format> {
    let extension = path
        .extension()
        .map(|extension| extension.to_ascii_lowercase());
    let unsupported =
        |problem: String, remedy: &str| Err(fault(FileErrorKind::Unsupported, "", problem, remedy));
    if extension.as_deref() == Some("tsg".as_ref()) {
        return unsupported(
            "a .tsg file holds a structured tensor, not a plain array".into(),
            "write .safetensors, or compress the array with fit",
        );
    }
    match Format::of_extension(path) {
        Some(format) => Ok(format),
        None => unsupported(
            match extension {
                Some(extension) => format!("extension {extension:?} names no format"),
                None => "the name has no extension to choose a format by".into(),
            },
            "use .npy, .npz, .safetensors, .csv, .png or .jpg",
        ),
    }
}

type Writer<'a> = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + 'a>;

/// Checks everything that can be wrong with the arrays; what is left can only
/// fail for want of space.
fn prepare<'a>(format: Format, arrays: &'a [NamedArray<'a>]) -> Result<Writer<'a>> {
    for (index, named) in arrays.iter().enumerate() {
        check_conversion(named.array, named.stored_dtype())
            .map_err(|error| in_member(error, &named.name))?;
        if arrays[..index].iter().any(|other| other.name == named.name) {
            return Err(fault(
                FileErrorKind::Unsupported,
                "",
                format!("two arrays have the name {:?}", named.name),
                "give each a name of its own",
            ));
        }
    }
    match format {
        Format::Npz => return Ok(Box::new(npz::prepare(arrays)?)),
        Format::Safetensors => return Ok(Box::new(safetensors::prepare(arrays)?)),
        _ => {}
    }
    let [named] = arrays else {
        return Err(fault(
            FileErrorKind::Unsupported,
            "",
            format!("a {format} file holds one array, not {}", arrays.len()),
            "write .npz or .safetensors, or one file for each array",
        ));
    };
    match format {
        Format::Png => Ok(Box::new(picture::prepare_png(named)?)),
        Format::Jpeg => Ok(Box::new(picture::prepare_jpeg(named)?)),
        Format::Csv => Ok(Box::new(table::prepare(named)?)),
        Format::Npy | Format::Npz | Format::Safetensors => {
            let header = npy::header(named.array.shape(), named.stored_dtype())?;
            Ok(Box::new(move |target| {
                npy::write(target, &header, named.array, named.stored_dtype())
            }))
        }
    }
}

fn read_path(path: &Path, selection: &Selection<'_>, options: &ReadOptions) -> Result<Vec<Loaded>> {
    with_format(path, |input, format, note| {
        let mut loaded = read_format(input, format, selection, options, &stem(path))?;
        for array in &mut loaded {
            array.note = join(note.clone(), array.note.take());
        }
        Ok(loaded)
    })
}

fn join(first: Option<String>, second: Option<String>) -> Option<String> {
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("{first}; {second}")),
        (first, second) => first.or(second),
    }
}

/// The name of an array that has none in its file.
fn stem(path: &Path) -> String {
    match path.file_stem() {
        Some(stem) => stem.to_string_lossy().into_owned(),
        None => "array".into(),
    }
}

fn read_format(
    input: &mut Input<'_>,
    format: Format,
    selection: &Selection<'_>,
    options: &ReadOptions,
    stem: &str,
) -> Result<Vec<Loaded>> {
    let compressed = matches!(format, Format::Png | Format::Jpeg | Format::Npz);
    let mut budget = Budget::new(options, input.length(), compressed);
    let (exact, length) = (options.exact_integers, input.length());
    input.go_to(0)?;
    let contents = match format {
        Format::Npz => npz::read(input, selection, &mut budget, exact)?,
        Format::Safetensors => safetensors::read(input, selection, &mut budget, exact)?,
        single => {
            selection.choose(&[stem])?;
            let content = match single {
                Format::Png => picture::read_png(input, &mut budget, exact)?,
                Format::Jpeg => picture::read_jpeg(input, &mut budget, exact)?,
                Format::Csv => table::read(input, &mut budget, exact)?,
                _ => npy::read(input, length, &mut budget, exact)?,
            };
            vec![(stem.to_string(), content)]
        }
    };
    let loaded = contents.into_iter().map(|(name, content)| Loaded {
        name,
        array: content.array,
        source: content.source,
        format,
        note: content.note,
    });
    Ok(loaded.collect())
}

fn inspect_format(input: &mut Input<'_>, format: Format, stem: &str) -> Result<Inspection> {
    input.go_to(0)?;
    let length = input.length();
    let mut inspection = match format {
        Format::Npy => Inspection::new(vec![npy::inspect(input, length)?], Vec::new()),
        Format::Npz => npz::inspect(input)?,
        Format::Safetensors => safetensors::inspect(input)?,
        Format::Png => picture::inspect_png(input)?,
        Format::Jpeg => picture::inspect_jpeg(input)?,
        Format::Csv => table::inspect(input)?,
    };
    inspection.format = format;
    inspection.file_bytes = length;
    if !matches!(format, Format::Npz | Format::Safetensors) {
        for member in &mut inspection.members {
            member.name = stem.to_string();
        }
    }
    Ok(inspection)
}

/// Opens a file, decides its format and names it in errors.
fn with_format<R>(
    path: &Path,
    act: impl FnOnce(&mut Input<'_>, Format, Option<String>) -> Result<R>,
) -> Result<R> {
    let run = || {
        open_file(path, |input| {
            let (format, note) = detect(input, Format::of_extension(path))?;
            act(input, format, note.clone()).map_err(|error| explain(error, note))
        })
    };
    run().map_err(|error| at_path(error, path))
}

/// An error in a file with a misleading name says so.
fn explain(error: Error, note: Option<String>) -> Error {
    match (error, note) {
        (Error::File(mut inner), Some(note)) => {
            inner.problem = format!("{} ({note})", inner.problem);
            Error::File(inner)
        }
        (error, _) => error,
    }
}

fn detect(input: &mut Input<'_>, hint: Option<Format>) -> Result<(Format, Option<String>)> {
    input.go_to(0)?;
    let head = input.take_bytes(input.length().min(format::HEAD as u64), "the file")?;
    Format::detect(&head, input.length(), hint)
}

/// Most bytes read from a pipe, whose length is not known in advance.
const PIPE_LIMIT: u64 = 4 << 30;

/// Opens a file for `act`; pipes and devices are read into memory first.
fn open_file<R>(path: &Path, act: impl FnOnce(&mut Input<'_>) -> Result<R>) -> Result<R> {
    let cannot = |error: io::Error| unreadable("", &error);
    let mut file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if metadata.is_dir() {
        return Err(cannot(io::ErrorKind::IsADirectory.into()));
    }
    if metadata.is_file() && metadata.len() > 0 {
        return act(&mut Input::new(&mut file, metadata.len()));
    }
    let mut bytes = Vec::new();
    file.take(PIPE_LIMIT)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 == PIPE_LIMIT {
        return Err(fault(
            FileErrorKind::TooLarge,
            "",
            "the pipe gives more than 4 GiB",
            "write it to a file first",
        ));
    }
    let length = bytes.len() as u64;
    act(&mut Input::new(&mut Cursor::new(bytes), length))
}
