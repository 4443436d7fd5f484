//! Rounding: the train with smaller ranks near a given one.

use crate::residual::subtraction_loses_digits;
use crate::tt::gauge::absorb_left;
use crate::tt::params::bond_limits;
use crate::tt::svd::{Cutter, zero};
use crate::tt::tensor::core_shape;
use crate::unfold::reshaped;
use crate::{Decomposed, Entry, Gauge, Report, Result, Tol, TtOptions, TtTensor};

impl<T: Entry> TtTensor<T> {
    /// Truncates the bonds: QR from the right, then truncated singular value
    /// decompositions from the left (Oseledets 2011, algorithm 2).
    ///
    /// Tolerances and ranks mean what they mean for [`crate::tt_svd`], relative
    /// to this train. The report's spectra are the singular values at each bond.
    ///
    /// Cost: O(d·n·r³).
    ///
    /// # Errors
    /// As [`crate::tt_svd`]; cores that are not finite.
    pub fn round(&self, tol: &Tol, options: &TtOptions) -> Result<Decomposed<Self>> {
        let shape = self.shape();
        let mut notes = Vec::new();
        let (limits, _) = bond_limits(tol, options.max_rank, &shape, &mut notes)?;
        let mut train = self.canonical(Gauge::Right)?;
        let norm = train.cores[0].norm();
        let mut report = Report::direct(norm);
        report.notes = notes;
        let delta = tol.per_cut(norm, shape.len() - 1)?;
        if norm == 0.0 {
            return zero(&shape, report);
        }
        let cutter = Cutter {
            delta,
            norm,
            svd: options.svd,
            skip_full: false,
        };
        let mut discarded = 0.0;
        for (site, &limit) in limits.iter().enumerate() {
            let [r, n, s] = core_shape(&train.cores[site]);
            let matrix = reshaped(&train.cores[site].view(), &[r * n, s])?;
            let cut = cutter.cut(&matrix, limit)?;
            discarded += cut.discarded * cut.discarded;
            report.spectra.push(cut.s);
            let rank = cut.core.shape()[1];
            let rest = match cut.rest {
                Some(rest) => rest,
                None => matrix.to_tensor(),
            };
            train.cores[site] = cut.core.reshaped(&[r, n, rank])?;
            train.cores[site + 1] = absorb_left(&rest, &train.cores[site + 1])?;
        }
        report.error = discarded.sqrt() / norm;
        if subtraction_loses_digits::<T>(report.error) {
            report.error = self.add(&train.scale(T::from_f64(-1.0, 0.0)))?.norm()? / norm;
        }
        Ok(Decomposed {
            tensor: train,
            report,
        })
    }
}
