//! Convolutions, as contractions over windows.

use tensegrity_tensor::Axes;

use crate::network::einsum;
use crate::{Error, Result, Variable};

/// How a filter moves along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Distance of neighbouring windows; at least 1.
    pub stride: usize,
    /// Zeros before and behind the axis.
    pub padding: usize,
    /// Distance of neighbouring elements of a window; at least 1.
    pub dilation: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            stride: 1,
            padding: 0,
            dilation: 1,
        }
    }
}

impl Variable {
    /// Windows of one axis: axis `axis` becomes two, the number of the window and
    /// the place in it. Places that overlap are copied, so memory grows by
    /// `size/stride`; the derivative adds them up again.
    ///
    /// # Errors
    /// [`Error::Axes`](crate::Error::Axes); [`Error::Shape`] if no window of
    /// `size` elements fits, or a stride or dilation is zero.
    pub fn windows(&self, axis: usize, size: usize, window: Window) -> Result<Variable> {
        crate::map::checked_axes("windows", &[axis], self.ndim())?;
        let Window {
            stride,
            padding,
            dilation,
        } = window;
        let mut widths = vec![(0, 0); self.ndim()];
        widths[axis] = (padding, padding);
        let length = self.shape()[axis] + 2 * padding;
        let extent = size.saturating_sub(1).saturating_mul(dilation) + 1;
        if stride == 0 || dilation == 0 || size == 0 || extent > length {
            return Err(Error::Shape {
                operation: "windows",
                argument: "the operand".to_owned(),
                found: self.shape().to_vec(),
                wanted: format!(
                    "axis {axis}, padded to {length}, must hold a window of {size} elements at \
                     distance {dilation}; stride ({stride}), size and dilation are 1 or more"
                ),
            });
        }
        let count = (length - extent) / stride + 1;
        let indices: Vec<usize> = (0..count)
            .flat_map(|k| (0..size).map(move |place| k * stride + place * dilation))
            .collect();
        let mut shape: Axes = self.shape().into();
        shape[axis] = count;
        shape.insert(axis + 1, size);
        self.pad(&widths)?.gather(axis, indices)?.reshape(&shape)
    }

    /// The cross-correlation of a signal with filters, as networks use it.
    ///
    /// Shapes: `[batch, in, n]` and `[out, in, k]` give `[batch, out, n']` with
    /// n' = (n + 2·padding − dilation·(k − 1) − 1)/stride + 1, rounded down.
    ///
    /// # Errors
    /// [`Error::Shape`] if they do not fit.
    pub fn conv1d(&self, filters: &Variable, window: Window) -> Result<Variable> {
        check_filters("conv1d", self, filters, 3)?;
        let windows = self.windows(2, filters.shape()[2], window)?;
        einsum("bcnk,ock->bon", &[&windows, filters])
    }

    /// The cross-correlation of images with filters; see [`Variable::conv1d`].
    ///
    /// Shapes: `[batch, in, h, w]` and `[out, in, kh, kw]` give
    /// `[batch, out, h', w']`.
    ///
    /// # Errors
    /// [`Error::Shape`] if they do not fit.
    pub fn conv2d(&self, filters: &Variable, rows: Window, columns: Window) -> Result<Variable> {
        check_filters("conv2d", self, filters, 4)?;
        let windows =
            self.windows(3, filters.shape()[3], columns)?
                .windows(2, filters.shape()[2], rows)?;
        einsum("bchiwj,ocij->bohw", &[&windows, filters])
    }
}

fn check_filters(
    operation: &'static str,
    x: &Variable,
    filters: &Variable,
    axes: usize,
) -> Result<()> {
    for (argument, x) in [("the operand", x), ("filters", filters)] {
        if x.ndim() != axes {
            return Err(Error::Shape {
                operation,
                argument: argument.to_owned(),
                found: x.shape().to_vec(),
                wanted: format!("it needs {axes} axes"),
            });
        }
    }
    if x.shape()[1] != filters.shape()[1] {
        return Err(Error::Shape {
            operation,
            argument: "filters".to_owned(),
            found: filters.shape().to_vec(),
            wanted: format!(
                "their second axis must be the {} channels of the operand",
                x.shape()[1]
            ),
        });
    }
    Ok(())
}
