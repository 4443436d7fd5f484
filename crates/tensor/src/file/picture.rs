//! Pictures: PNG and JPEG, as `[height, width]` or `[height, width, channels]`.
//!
//! Palettes and bit depths below eight are expanded to `uint8`, transparency
//! becomes a channel, 16-bit PNG stays `uint16`. Values are those of the file:
//! no colour profile, gamma or orientation is applied. Of an animation the
//! still picture is read.

use std::io::{self, BufReader, Cursor, Write};

use jpeg_encoder::{ColorType as JpegColor, Encoder as JpegEncoder};
use png::{BitDepth, ColorType, DecodingError, Transformations};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::encoding::{Layout, check_conversion, encode, read_array};
use super::fault::{FileErrorKind, corrupt, fault, truncated, unreadable};
use super::input::{Budget, Input, allocate};
use super::{Content, Inspection, Member, NamedArray};
use crate::{DType, Error, Result};

/// Bytes deflate can make of one byte.
const DEFLATE_LIMIT: u64 = 1032;
/// Samples a JPEG can make of one byte: an entropy-coded block takes two bits
/// at least, one in progressive files, and chroma is spread over 4×4 pixels at most.
const JPEG_LIMIT: u64 = 2048;
/// Bytes of file beyond which the two limits hold.
const SLACK: u64 = 1 << 16;
/// Quality of the JPEG files written: few visible losses, no chroma subsampling.
const QUALITY: u8 = 95;

/// Reads a PNG.
pub(super) fn read_png(input: &mut Input<'_>, budget: &mut Budget, exact: bool) -> Result<Content> {
    let (mut reader, header) = open_png(input)?;
    header.admit(budget)?;
    let mut pixels = allocate::<u8>(header.bytes()?)?;
    reader.next_frame(&mut pixels).map_err(png_error)?;
    header.content(&pixels, exact)
}

/// Reads a PNG's header.
pub(super) fn inspect_png(input: &mut Input<'_>) -> Result<Inspection> {
    let (reader, header) = open_png(input)?;
    let info = reader.info();
    let details = vec![
        (
            "colour type".into(),
            format!("{:?}", info.color_type).to_lowercase(),
        ),
        ("bit depth".into(), (info.bit_depth as u8).to_string()),
        ("interlaced".into(), info.interlaced.to_string()),
    ];
    header.inspection(details)
}

/// A picture's header, checked.
struct Header {
    layout: Layout,
    /// Bytes before expansion, as the compression sees them.
    packed: u64,
    /// The most bytes the file can unpack to.
    reachable: u64,
    file: u64,
}

impl Header {
    fn bytes(&self) -> Result<usize> {
        super::input::as_usize(self.layout.bytes("picture header")?)
    }

    /// Refuses headers the file cannot fill, before memory is taken.
    fn admit(&self, budget: &mut Budget) -> Result<()> {
        self.check()?;
        budget.take(self.layout.bytes("picture header")?, "picture header")
    }

    fn check(&self) -> Result<()> {
        if self.packed > self.reachable {
            return Err(truncated(
                "picture header",
                format!(
                    "{} bytes cannot hold a picture of shape {:?}",
                    self.file, self.layout.shape
                ),
            ));
        }
        Ok(())
    }

    fn content(self, pixels: &[u8], exact: bool) -> Result<Content> {
        let mut source = pixels;
        Ok(Content {
            array: read_array(&mut source, &self.layout, exact)?,
            source: self.layout.dtype,
            note: None,
        })
    }

    fn inspection(self, details: Vec<(String, String)>) -> Result<Inspection> {
        self.check()?;
        let member = Member {
            name: String::new(),
            dtype: Some(self.layout.dtype),
            type_name: self.layout.dtype.name().into(),
            bytes: self.layout.bytes("picture header")?,
            stored_bytes: self.file,
            shape: self.layout.shape,
            details,
        };
        Ok(Inspection::new(vec![member], Vec::new()))
    }
}

type PngReader<'a, 'b> = png::Reader<BufReader<&'a mut Input<'b>>>;

fn open_png<'a, 'b>(input: &'a mut Input<'b>) -> Result<(PngReader<'a, 'b>, Header)> {
    let file = input.length();
    let mut decoder = png::Decoder::new(BufReader::new(input));
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let reader = decoder.read_info().map_err(png_error)?;
    let info = reader.info();
    let (width, height) = (u64::from(info.width), u64::from(info.height));
    let row = info.raw_row_length_from_width(info.width) as u64;
    let (color, depth) = reader.output_color_type();
    let dtype = match depth {
        BitDepth::Eight => DType::U8,
        BitDepth::Sixteen => DType::U16,
        _ => return Err(corrupt("picture header", "the bit depth is unknown")),
    };
    let header = Header {
        layout: Layout {
            dtype,
            big_endian: true,
            fortran: false,
            shape: shape(height, width, color.samples()),
        },
        packed: row.saturating_mul(height),
        reachable: file.saturating_mul(DEFLATE_LIMIT),
        file,
    };
    Ok((reader, header))
}

fn shape(height: u64, width: u64, channels: usize) -> Vec<usize> {
    let mut shape = vec![height as usize, width as usize];
    if channels > 1 {
        shape.push(channels);
    }
    shape
}

fn png_error(error: DecodingError) -> Error {
    match error {
        DecodingError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            truncated("png data", "the picture ends too early")
        }
        DecodingError::IoError(error) => unreadable("png data", &error),
        DecodingError::LimitsExceeded => fault(
            FileErrorKind::TooLarge,
            "picture header",
            "a row or a chunk of the picture is unreasonably large",
            "save the picture again with an image program",
        ),
        other => corrupt("png data", other.to_string()),
    }
}

/// Reads a JPEG.
pub(super) fn read_jpeg(
    input: &mut Input<'_>,
    budget: &mut Budget,
    exact: bool,
) -> Result<Content> {
    let file = input.take_bytes(input.length(), "the picture")?;
    let (mut decoder, header) = open_jpeg(&file)?;
    header.admit(budget)?;
    // The decoder fills what is missing with grey; a picture that does not
    // reach its end marker is incomplete.
    if !file.windows(2).rev().any(|pair| pair == [0xff, 0xd9]) {
        return Err(truncated("jpeg data", "the picture has no end marker"));
    }
    let mut pixels = allocate::<u8>(header.bytes()?)?;
    decoder.decode_into(&mut pixels).map_err(jpeg_error)?;
    header.content(&pixels, exact)
}

/// Reads a JPEG's header.
pub(super) fn inspect_jpeg(input: &mut Input<'_>) -> Result<Inspection> {
    let file = input.take_bytes(input.length(), "the picture")?;
    let (decoder, header) = open_jpeg(&file)?;
    let space = decoder.input_colorspace();
    let details = vec![(
        "colour space".into(),
        format!("{:?}", space.unwrap_or(ColorSpace::Unknown)),
    )];
    header.inspection(details)
}

fn open_jpeg(file: &[u8]) -> Result<(JpegDecoder<Cursor<&[u8]>>, Header)> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(file), options);
    decoder.decode_headers().map_err(jpeg_error)?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let (space, channels) = if grey {
        (ColorSpace::Luma, 1)
    } else {
        (ColorSpace::RGB, 3)
    };
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let info = decoder
        .info()
        .ok_or_else(|| corrupt("picture header", "there is none"))?;
    let (height, width) = (u64::from(info.height), u64::from(info.width));
    let length = file.len() as u64;
    let header = Header {
        layout: Layout::little(DType::U8, shape(height, width, channels)),
        packed: height * width * channels as u64,
        reachable: (length + SLACK).saturating_mul(JPEG_LIMIT),
        file: length,
    };
    Ok((decoder, header))
}

fn jpeg_error(error: DecodeErrors) -> Error {
    let text = format!("{error:?}").replace('"', "");
    match error {
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => {
            truncated("jpeg data", "the picture ends too early")
        }
        DecodeErrors::FormatStatic("Premature end of buffer") => {
            truncated("jpeg data", "the picture ends too early")
        }
        DecodeErrors::Unsupported(_) => fault(
            FileErrorKind::Unsupported,
            "jpeg data",
            text,
            "save the picture as PNG or as a baseline JPEG",
        ),
        _ => corrupt("jpeg data", text),
    }
}

/// Height, width and channels of an array that is a picture.
fn dimensions(named: &NamedArray<'_>, channels: &[usize], limit: usize) -> Result<[usize; 3]> {
    let found = match *named.array.shape() {
        [height, width] => Some([height, width, 1]),
        [height, width, depth] => Some([height, width, depth]),
        _ => None,
    };
    found
        .filter(|[height, width, depth]| {
            let fits = |length| (1..=limit).contains(length);
            fits(height) && fits(width) && channels.contains(depth)
        })
        .ok_or_else(|| {
            fault(
                FileErrorKind::Unsupported,
                "",
                format!(
                    "shape {:?} is no picture of this format",
                    named.array.shape()
                ),
                format!(
                    "a picture is [height, width] or [height, width, channels] with \
                     {channels:?} channels and sides up to {limit}; choose a slice, \
                     or write a .npy file"
                ),
            )
        })
}

/// Prepares a PNG; the result writes it.
pub(super) fn prepare_png(
    named: &NamedArray<'_>,
) -> Result<impl Fn(&mut dyn Write) -> io::Result<()> + use<>> {
    let [height, width, channels] = dimensions(named, &[1, 2, 3, 4], i32::MAX as usize)?;
    let dtype = named.dtype.unwrap_or(DType::U8);
    let depth = match dtype {
        DType::U8 => BitDepth::Eight,
        DType::U16 => BitDepth::Sixteen,
        other => return Err(wrong_depth(other, "uint8 or uint16")),
    };
    let color = match channels {
        1 => ColorType::Grayscale,
        2 => ColorType::GrayscaleAlpha,
        3 => ColorType::Rgb,
        _ => ColorType::Rgba,
    };
    check_conversion(named.array, dtype)?;
    let mut pixels = encode(named.array, dtype)?;
    if dtype == DType::U16 {
        pixels
            .as_chunks_mut::<2>()
            .0
            .iter_mut()
            .for_each(|sample| sample.reverse());
    }
    Ok(move |target: &mut dyn Write| {
        let mut encoder = png::Encoder::new(target, width as u32, height as u32);
        encoder.set_color(color);
        encoder.set_depth(depth);
        let mut writer = encoder.write_header().map_err(png_io)?;
        writer.write_image_data(&pixels).map_err(png_io)?;
        writer.finish().map_err(png_io)
    })
}

/// The operating system's error inside an encoder's, so that its kind stays known.
fn png_io(error: png::EncodingError) -> io::Error {
    match error {
        png::EncodingError::IoError(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

/// Prepares a JPEG; the result writes it.
pub(super) fn prepare_jpeg(
    named: &NamedArray<'_>,
) -> Result<impl Fn(&mut dyn Write) -> io::Result<()> + use<>> {
    let [height, width, channels] = dimensions(named, &[1, 3], usize::from(u16::MAX))?;
    match named.dtype {
        None | Some(DType::U8) => {}
        Some(other) => return Err(wrong_depth(other, "uint8")),
    }
    let color = if channels == 1 {
        JpegColor::Luma
    } else {
        JpegColor::Rgb
    };
    let pixels = encode(named.array, DType::U8)?;
    Ok(move |target: &mut dyn Write| {
        let encoder = JpegEncoder::new(target, QUALITY);
        encoder
            .encode(&pixels, width as u16, height as u16, color)
            .map_err(|error| match error {
                jpeg_encoder::EncodingError::IoError(error) => error,
                other => io::Error::other(other.to_string()),
            })
    })
}

fn wrong_depth(dtype: DType, allowed: &str) -> Error {
    fault(
        FileErrorKind::Unsupported,
        "",
        format!("this picture format stores {allowed}, not {dtype}"),
        "choose one of these or write a .npy file",
    )
}
