//! Pictures of tensors: photographs as they are, other tensors as slices.

use std::borrow::Cow;
use std::io::Cursor;

use base64::Engine;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use plotters::style::colors::colormaps::{ColorMap, ViridisRGB};
use tensegrity_tensor::{Scalar, View};

use crate::{Error, Result};

/// Longest side of a picture in the report, in pixels.
const LONGEST: usize = 640;
/// Smallest side to which small arrays are enlarged (whole factors, no smoothing).
const SHORTEST: usize = 220;

/// One PNG, ready for an `<img>`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Picture {
    /// What it shows, for captions and screen readers.
    pub caption: String,
    /// `data:image/png;base64,…`
    pub uri: String,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
}

/// Original, reconstruction and difference of one slice.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Panel {
    /// Which slice this is; empty for a whole picture.
    pub title: String,
    /// The three pictures, in that order.
    pub pictures: Vec<Picture>,
}

/// A float raster `[height, width, channels]` on its way to a PNG.
struct Raster<'a> {
    pixels: Cow<'a, [f64]>,
    height: usize,
    width: usize,
    channels: usize,
}

/// Pictures of `original`, `reconstruction` and their difference.
///
/// `[h, w, 3 | 4]` with values in a byte range is shown as a photograph,
/// `[h, w]` as a map, more axes as up to three slices over the two longest
/// axes. One axis has no picture: the caller draws a line chart. Complex
/// tensors show absolute values. Cost: one pass over each slice shown.
///
/// # Errors
/// [`Error::ShapeMismatch`], [`Error::Picture`].
pub fn panels<T: Scalar>(
    original: &View<'_, T>,
    reconstruction: &View<'_, T>,
) -> Result<Vec<Panel>> {
    if original.shape() != reconstruction.shape() {
        return Err(Error::ShapeMismatch {
            left: original.shape().to_vec(),
            right: reconstruction.shape().to_vec(),
        });
    }
    let shape = original.shape().to_vec();
    if shape.len() < 2 || original.is_empty() {
        return Ok(Vec::new());
    }
    if is_photograph(original) {
        return Ok(vec![panel(String::new(), original, reconstruction, true)?]);
    }
    let (rows, columns) = longest_axes(&shape);
    let others: Vec<usize> = (0..shape.len())
        .filter(|&axis| axis != rows && axis != columns)
        .collect();
    let slices: &[f64] = if others.is_empty() {
        &[0.0]
    } else {
        &[0.15, 0.5, 0.85]
    };
    let mut found = Vec::new();
    let mut seen = Vec::new();
    for &share in slices {
        let index: Vec<usize> = others
            .iter()
            .map(|&axis| (share * (shape[axis] - 1) as f64).round() as usize)
            .collect();
        if seen.contains(&index) {
            continue;
        }
        let left = cut(original, &others, &index);
        let right = cut(reconstruction, &others, &index);
        found.push(panel(
            slice_title(shape.len(), &others, &index),
            &left,
            &right,
            false,
        )?);
        seen.push(index);
    }
    Ok(found)
}

/// The slice at `index` along the axes `others`, given in increasing order.
fn cut<'a, T: Scalar>(view: &View<'a, T>, others: &[usize], index: &[usize]) -> View<'a, T> {
    let from_the_right = others.iter().zip(index).rev();
    from_the_right.fold(view.clone(), |slice, (&axis, &i)| {
        slice
            .indexed(axis, i)
            .expect("the index is inside the shape")
    })
}

fn slice_title(ndim: usize, others: &[usize], index: &[usize]) -> String {
    if others.is_empty() {
        return String::new();
    }
    let mut cells = vec![":".to_owned(); ndim];
    for (&axis, &i) in others.iter().zip(index) {
        cells[axis] = i.to_string();
    }
    format!("slice [{}]", cells.join(", "))
}

fn is_photograph<T: Scalar>(view: &View<'_, T>) -> bool {
    let shape = view.shape();
    if T::IS_COMPLEX
        || shape.len() != 3
        || !(3..=4).contains(&shape[2])
        || shape[0] < 8
        || shape[1] < 8
    {
        return false;
    }
    let (low, high) = range(&raster(view));
    low >= 0.0 && high <= 255.0 && high > 1.5
}

/// The two longest axes in their order in the shape.
fn longest_axes(shape: &[usize]) -> (usize, usize) {
    let mut axes: Vec<usize> = (0..shape.len()).collect();
    axes.sort_by_key(|&axis| std::cmp::Reverse(shape[axis]));
    (axes[0].min(axes[1]), axes[0].max(axes[1]))
}

fn panel<T: Scalar>(
    title: String,
    original: &View<'_, T>,
    reconstruction: &View<'_, T>,
    photograph: bool,
) -> Result<Panel> {
    let (left, right) = (reduced(original), reduced(reconstruction));
    let difference = Raster {
        pixels: left
            .pixels
            .iter()
            .zip(right.pixels.iter())
            .map(|(a, b)| (a - b).abs())
            .collect(),
        ..left
    };
    let (low, high) = range(&left);
    let largest = range(&difference).1;
    let pictures = if photograph {
        let gain = if largest > 0.0 {
            (255.0 / largest).min(8.0)
        } else {
            1.0
        };
        let shown = Raster {
            pixels: difference.pixels.iter().map(|d| d * gain).collect(),
            ..difference
        };
        vec![
            encode("original", &left, |v| [v as u8; 3])?,
            encode("reconstruction", &right, |v| [v as u8; 3])?,
            encode(&format!("difference × {gain:.1}"), &shown, |v| {
                [v as u8; 3]
            })?,
        ]
    } else {
        let map = |low: f64, high: f64| {
            let width = if high > low { high - low } else { 1.0 };
            move |value: f64| {
                let colour = ViridisRGB.get_color(((value - low) / width).clamp(0.0, 1.0) as f32);
                [colour.0, colour.1, colour.2]
            }
        };
        let scale = format!("{} … {}", short(low), short(high));
        vec![
            encode(&format!("original, {scale}"), &left, map(low, high))?,
            encode(&format!("reconstruction, {scale}"), &right, map(low, high))?,
            encode(
                &format!("difference, 0 … {}", short(largest)),
                &difference,
                map(0.0, largest),
            )?,
        ]
    };
    Ok(Panel { title, pictures })
}

/// Three significant digits.
fn short(value: f64) -> String {
    if value == 0.0 || (1e-2..1e5).contains(&value.abs()) {
        let digits = if value.abs() >= 100.0 { 0 } else { 2 };
        format!("{value:.digits$}")
    } else {
        format!("{value:.2e}")
    }
}

fn range(raster: &Raster<'_>) -> (f64, f64) {
    let finite = raster.pixels.iter().filter(|v| v.is_finite());
    finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| {
        (low.min(v), high.max(v))
    })
}

fn raster<T: Scalar>(view: &View<'_, T>) -> Raster<'static> {
    use tensegrity_tensor::Real;
    let shape = view.shape();
    let pixels = view.to_tensor();
    let value = |x: &T| {
        if T::IS_COMPLEX {
            x.abs2().sqrt()
        } else {
            x.re().to_f64()
        }
    };
    Raster {
        pixels: pixels.as_slice().iter().map(value).collect(),
        height: shape[0],
        width: shape[1],
        channels: shape.get(2).copied().unwrap_or(1),
    }
}

/// The view as a raster no longer than [`LONGEST`]: boxes of pixels averaged.
fn reduced<T: Scalar>(view: &View<'_, T>) -> Raster<'static> {
    let full = raster(view);
    let box_size = full.height.max(full.width).div_ceil(LONGEST).max(1);
    if box_size == 1 {
        return full;
    }
    let (height, width) = (
        full.height.div_ceil(box_size),
        full.width.div_ceil(box_size),
    );
    let mut pixels = vec![0.0; height * width * full.channels];
    let mut counts = vec![0.0; height * width];
    for y in 0..full.height {
        for x in 0..full.width {
            let target = (y / box_size) * width + x / box_size;
            counts[target] += 1.0;
            for c in 0..full.channels {
                pixels[target * full.channels + c] +=
                    full.pixels[(y * full.width + x) * full.channels + c];
            }
        }
    }
    for (pixel, count) in pixels.chunks_exact_mut(full.channels).zip(&counts) {
        pixel.iter_mut().for_each(|value| *value /= count);
    }
    Raster {
        pixels: pixels.into(),
        height,
        width,
        channels: full.channels,
    }
}

/// A PNG of `raster`; `colour` maps the value of a one-channel pixel, and its
/// first component every channel of a photograph.
fn encode(caption: &str, raster: &Raster<'_>, colour: impl Fn(f64) -> [u8; 3]) -> Result<Picture> {
    let repeat = (SHORTEST / raster.height.min(raster.width).max(1))
        .min(LONGEST / raster.height.max(raster.width).max(1))
        .max(1);
    let (height, width) = (raster.height * repeat, raster.width * repeat);
    let mut bytes = Vec::with_capacity(3 * height * width);
    for y in 0..height {
        for x in 0..width {
            let start = ((y / repeat) * raster.width + x / repeat) * raster.channels;
            match &raster.pixels[start..start + raster.channels] {
                [value] => bytes.extend(colour(*value)),
                channels => bytes.extend(
                    channels[..3]
                        .iter()
                        .map(|&v| colour(v.round().clamp(0.0, 255.0))[0]),
                ),
            }
        }
    }
    let mut png = Cursor::new(Vec::new());
    PngEncoder::new(&mut png)
        .write_image(&bytes, width as u32, height as u32, ExtendedColorType::Rgb8)
        .map_err(|error| Error::Picture {
            picture: caption.to_owned(),
            message: error.to_string(),
        })?;
    let data = base64::engine::general_purpose::STANDARD.encode(png.into_inner());
    let uri = format!("data:image/png;base64,{data}");
    Ok(Picture {
        caption: caption.to_owned(),
        uri,
        width,
        height,
    })
}

#[cfg(test)]
mod tests {
    use tensegrity_tensor::{SplitMix64, Tensor, c64};

    use super::panels;

    #[test]
    fn a_photograph_is_one_panel_of_three_pictures() {
        let x = Tensor::from_fn(&[16, 12, 3], |i| ((i[0] * 13 + i[1] * 7) % 256) as f32).unwrap();
        let found = panels(&x.view(), &x.view()).unwrap();
        assert_eq!(found.len(), 1);
        let captions: Vec<&str> = found[0]
            .pictures
            .iter()
            .map(|p| p.caption.as_str())
            .collect();
        assert_eq!(captions, ["original", "reconstruction", "difference × 1.0"]);
        assert!(
            found[0]
                .pictures
                .iter()
                .all(|p| p.uri.starts_with("data:image/png;base64,"))
        );
    }

    #[test]
    fn many_axes_become_distinct_slices_over_the_longest_two() {
        let x: Tensor<c64> = SplitMix64::new(1).normal_tensor(&[2, 30, 3, 20]);
        let found = panels(&x.view(), &x.view()).unwrap();
        let titles: Vec<&str> = found.iter().map(|panel| panel.title.as_str()).collect();
        assert_eq!(
            titles,
            [
                "slice [0, :, 0, :]",
                "slice [1, :, 1, :]",
                "slice [1, :, 2, :]"
            ]
        );
        let picture = &found[0].pictures[0];
        assert_eq!((picture.height, picture.width), (330, 220));
    }

    #[test]
    fn long_sides_are_reduced_and_lines_have_no_picture() {
        let x = Tensor::<f64>::zeros(&[1300, 3]).unwrap();
        let picture = &panels(&x.view(), &x.view()).unwrap()[0].pictures[0];
        assert_eq!((picture.height, picture.width), (434, 1));
        let line = Tensor::<f64>::zeros(&[5]).unwrap();
        assert!(panels(&line.view(), &line.view()).unwrap().is_empty());
        assert!(panels(&x.view(), &line.view()).is_err());
    }
}
