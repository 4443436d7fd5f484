//! Tables of numbers as text: csv and its relatives.
//!
//! One row a line; cells separated by `,`, `;` or tab, whichever the first line
//! uses; blanks around cells, empty lines and lines beginning with `#` mean
//! nothing; cells may stand in double quotes. If no cell of the first line is a
//! number, it names the columns. Every cell must hold a number with a decimal
//! point; `nan` and `inf` are numbers.

use std::io::{self, BufRead, BufReader, Read, Write};

use super::encoding::{check_conversion, decode, encode};
use super::fault::{FileErrorKind, corrupt, fault, unreadable};
use super::input::{Budget, Input};
use super::{Content, Inspection, Member, NamedArray};
use crate::{Array, DType, Element, Error, Result, Tensor};

/// Longest line accepted.
const MAX_LINE: u64 = 1 << 28;

/// Reads a table: `[rows]` if it has one column, else `[rows, columns]`.
///
/// The elements are `f64`, or `i64` if `exact` and every cell is an integer.
pub(super) fn read(input: &mut Input<'_>, budget: &mut Budget, exact: bool) -> Result<Content> {
    let mut values = Values::new(exact);
    let table = scan(input, |cell| {
        budget.take(8, "the table")?;
        Ok(values.push(cell))
    })?;
    let shape = table.shape();
    let (array, source) = match values {
        Values::Integers(data) => (Array::from(Tensor::from_vec(data, &shape)?), DType::I64),
        Values::Reals(data) => (Array::from(Tensor::from_vec(data, &shape)?), DType::F64),
    };
    Ok(Content {
        array,
        source,
        note: None,
    })
}

/// Counts rows and columns; every cell is looked at, none is kept.
pub(super) fn inspect(input: &mut Input<'_>) -> Result<Inspection> {
    let length = input.length();
    let table = scan(input, |cell| Ok(number(cell).is_some()))?;
    let shape = table.shape();
    let separator = match table.separator {
        b'\t' => "tab".to_string(),
        other => char::from(other).to_string(),
    };
    let mut details = vec![("separator".to_string(), separator)];
    if !table.names.is_empty() {
        details.push(("columns".into(), table.names.join(", ")));
    }
    let member = Member {
        name: String::new(),
        dtype: Some(DType::F64),
        type_name: DType::F64.name().into(),
        bytes: 8 * (table.rows * table.columns) as u64,
        stored_bytes: length,
        shape,
        details,
    };
    Ok(Inspection::new(vec![member], Vec::new()))
}

/// Cells read so far: integers as long as all are and they were asked for.
enum Values {
    Integers(Vec<i64>),
    Reals(Vec<f64>),
}

impl Values {
    fn new(exact: bool) -> Self {
        if exact {
            Values::Integers(Vec::new())
        } else {
            Values::Reals(Vec::new())
        }
    }

    /// Adds a cell, or returns `false` if it is no number.
    fn push(&mut self, cell: &str) -> bool {
        if let Values::Integers(values) = self {
            if let Ok(value) = cell.parse() {
                values.push(value);
                return true;
            }
            *self = Values::Reals(values.iter().map(|&value| value as f64).collect());
        }
        match (self, number(cell)) {
            (Values::Reals(values), Some(value)) => {
                values.push(value);
                true
            }
            _ => false,
        }
    }
}

fn number(cell: &str) -> Option<f64> {
    cell.parse().ok()
}

struct Table {
    rows: usize,
    columns: usize,
    separator: u8,
    names: Vec<String>,
}

impl Table {
    fn shape(&self) -> Vec<usize> {
        match self.columns {
            1 => vec![self.rows],
            columns => vec![self.rows, columns],
        }
    }
}

/// Goes through all cells; `accept` says whether one is a number.
fn scan(input: &mut Input<'_>, mut accept: impl FnMut(&str) -> Result<bool>) -> Result<Table> {
    let mut reader = BufReader::with_capacity(1 << 16, input);
    let mut table: Option<Table> = None;
    let mut line = Vec::new();
    let mut number = 0;
    while read_line(&mut reader, &mut line, number + 1)? {
        number += 1;
        let Some(text) = content(&line, number)? else {
            continue;
        };
        let table = match &mut table {
            Some(table) => table,
            None => {
                let first = first_line(text, number)?;
                let named = !first.names.is_empty();
                table = Some(first);
                match &mut table {
                    Some(table) if !named => table,
                    _ => continue,
                }
            }
        };
        row(text, number, table, &mut accept)?;
    }
    match table {
        Some(table) if table.rows > 0 => Ok(table),
        _ => Err(fault(
            FileErrorKind::Corrupt,
            format!("line {number}"),
            "the table has no row of numbers",
            "write one row of numbers a line",
        )),
    }
}

/// Reads the next line; `false` at the end.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>, number: usize) -> Result<bool> {
    line.clear();
    let count = reader
        .take(MAX_LINE)
        .read_until(b'\n', line)
        .map_err(|error| unreadable(format!("line {number}"), &error))?;
    if count as u64 == MAX_LINE {
        return Err(corrupt(
            format!("line {number}"),
            "the line is longer than 256 MiB",
        ));
    }
    Ok(count > 0)
}

/// The text of a line, or nothing if it is empty or a comment.
fn content(line: &[u8], number: usize) -> Result<Option<&str>> {
    if number == 1 && (line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff")) {
        return Err(fault(
            FileErrorKind::Unsupported,
            "line 1",
            "the text is UTF-16",
            "save it as UTF-8",
        ));
    }
    let line = match number {
        1 => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line),
        _ => line,
    };
    let text = std::str::from_utf8(line).map_err(|error| {
        fault(
            FileErrorKind::Unsupported,
            format!("line {number}, byte {}", error.valid_up_to() + 1),
            "the text is not UTF-8",
            "save it as UTF-8",
        )
    })?;
    // Tabs at the ends may be empty cells.
    let text = text.trim_matches([' ', '\n', '\r']);
    Ok((!text.trim().is_empty() && !text.starts_with('#')).then_some(text))
}

/// Decides the separator and whether the line names the columns.
fn first_line(text: &str, number: usize) -> Result<Table> {
    let mut quoted = false;
    let mut present = [false; 3];
    const SEPARATORS: [u8; 3] = [b'\t', b';', b','];
    for byte in text.bytes() {
        quoted ^= byte == b'"';
        if !quoted && let Some(kind) = SEPARATORS.iter().position(|&other| other == byte) {
            present[kind] = true;
        }
    }
    // Where tabs or semicolons separate, commas stand in names and numbers.
    let kind = present.iter().position(|&found| found).unwrap_or(2);
    let separator = SEPARATORS[kind];
    let mut names = Vec::new();
    let mut numeric = false;
    for cell in Cells::new(text, separator) {
        let cell = cell.ok_or_else(|| open_quote(number, names.len() + 1))?;
        numeric |= self::number(cell).is_some();
        names.push(cell.to_string());
    }
    let columns = names.len();
    if numeric {
        names.clear();
    }
    Ok(Table {
        rows: 0,
        columns,
        separator,
        names,
    })
}

fn row(
    text: &str,
    number: usize,
    table: &mut Table,
    accept: &mut impl FnMut(&str) -> Result<bool>,
) -> Result<()> {
    let mut count = 0;
    for cell in Cells::new(text, table.separator) {
        count += 1;
        let cell = cell.ok_or_else(|| open_quote(number, count))?;
        if count <= table.columns && !accept(cell)? {
            return Err(not_a_number(cell, number, count));
        }
    }
    if count != table.columns {
        return Err(fault(
            FileErrorKind::Corrupt,
            format!("line {number}, column {}", count.min(table.columns) + 1),
            format!(
                "the line has {count} cells, the first has {}",
                table.columns
            ),
            "give every line the same number of cells",
        ));
    }
    table.rows += 1;
    Ok(())
}

/// The cells of a line without blanks and quotes; `None` for a quote left open.
struct Cells<'a> {
    rest: Option<&'a str>,
    separator: u8,
}

impl<'a> Cells<'a> {
    fn new(text: &'a str, separator: u8) -> Self {
        let rest = Some(text);
        Self { rest, separator }
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = Option<&'a str>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let mut quoted = false;
        let end = rest.bytes().position(|byte| {
            quoted ^= byte == b'"';
            byte == self.separator && !quoted
        });
        // The separator is ASCII, so the slices fall between characters.
        let (cell, rest) = match end {
            Some(end) => (&rest[..end], Some(&rest[end + 1..])),
            None if quoted => {
                self.rest = None;
                return Some(None);
            }
            None => (rest, None),
        };
        self.rest = rest;
        let cell = cell.trim();
        let inner = cell
            .strip_prefix('"')
            .and_then(|cell| cell.strip_suffix('"'));
        Some(Some(inner.unwrap_or(cell).trim()))
    }
}

fn open_quote(line: usize, column: usize) -> Error {
    fault(
        FileErrorKind::Corrupt,
        format!("line {line}, column {column}"),
        "a quote is not closed on its line",
        "close it or remove it",
    )
}

fn not_a_number(cell: &str, line: usize, column: usize) -> Error {
    let place = format!("line {line}, column {column}");
    if cell.is_empty() {
        return fault(
            FileErrorKind::Corrupt,
            place,
            "the cell is empty",
            "write nan for a missing number",
        );
    }
    let shown: String = cell.chars().take(40).collect();
    let with_point = cell.replace(',', ".");
    let remedy = if cell.contains(',') && number(&with_point).is_some() {
        format!("write a decimal point: {with_point}")
    } else {
        "separate cells with a comma, a semicolon or a tab and remove columns of text".to_string()
    };
    fault(
        FileErrorKind::Corrupt,
        place,
        format!("{shown:?} is not a number"),
        remedy,
    )
}

/// Prepares a table; the result writes it, with the fewest digits that read
/// back to the same numbers.
pub(super) fn prepare<'a>(
    named: &'a NamedArray<'a>,
) -> Result<impl Fn(&mut dyn Write) -> io::Result<()> + 'a> {
    let dtype = named.stored_dtype();
    let shape = named.array.shape();
    if shape.len() > 2 || dtype.is_complex() || named.array.is_empty() {
        return Err(fault(
            FileErrorKind::Unsupported,
            "",
            format!("a table cannot hold shape {shape:?} of {dtype}"),
            "tables have rows and columns of real numbers; write a .npy file",
        ));
    }
    check_conversion(named.array, dtype)?;
    let converted = if dtype == named.array.dtype() {
        None
    } else {
        Some(decode(&encode(named.array, dtype)?, dtype, shape, true)?)
    };
    let columns = if shape.len() == 2 { shape[1] } else { 1 };
    Ok(
        move |target: &mut dyn Write| match converted.as_ref().unwrap_or(named.array) {
            Array::F32(tensor) => lines(target, tensor, columns),
            Array::F64(tensor) => lines(target, tensor, columns),
            Array::I64(tensor) => lines(target, tensor, columns),
            Array::C64(_) | Array::C128(_) => Err(io::ErrorKind::InvalidInput.into()),
        },
    )
}

fn lines<T: Element>(target: &mut dyn Write, tensor: &Tensor<T>, columns: usize) -> io::Result<()> {
    for row in tensor.as_slice().chunks(columns) {
        for (column, value) in row.iter().enumerate() {
            let separator = if column == 0 { "" } else { "," };
            // `Debug` of a float is its shortest form and uses exponents.
            write!(target, "{separator}{value:?}")?;
        }
        target.write_all(b"\n")?;
    }
    Ok(())
}
