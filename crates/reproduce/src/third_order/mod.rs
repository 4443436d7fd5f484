//! A. Agafonov et al., *Advancing the lower bounds: an accelerated, stochastic,
//! second-order method with optimal adaptation to inexactness* (2023): its rates on
//! the worst-case chain, its adaptation to errors, and its comparison on real data.

mod problem;
mod regression;
mod theory;

use crate::{Options, Progress, Reproduction, Result};

/// The paper, as claims cite it.
const PAPER: &str = "arXiv:2309.01570";

/// Theory on the chain, then regressions.
pub(crate) fn reproduce(options: &Options, progress: Progress<'_>) -> Result<Reproduction> {
    progress("worst-case chain", 0.0);
    let mut claims = theory::chain(options.seed)?;
    progress("breast_cancer", 0.2);
    let cancer = problem::breast_cancer(&options.data)?;
    claims.extend(regression::constants(&cancer)?);
    claims.push(theory::noise(&cancer, options)?);
    claims.push(theory::third_order(&cancer)?);
    claims.extend(regression::samples(&cancer, options)?);
    if !options.quick {
        progress("mushrooms", 0.6);
        let mushrooms = problem::mushrooms(&options.data)?;
        claims.extend(regression::constants(&mushrooms)?);
        claims.extend(regression::samples(&mushrooms, options)?);
    }
    progress("done", 1.0);
    Ok(Reproduction {
        id: "third-order",
        system: "An accelerated, stochastic, second-order method with optimal adaptation to \
                 inexactness, and its tensor form",
        source: "A. Agafonov, D. Kamzolov, A. Gasnikov, A. Kavis, K. Antonakopoulos, V. Cevher and \
                 M. Takáč, 2023, arXiv:2309.01570",
        claims,
        not_reproduced: vec![
            "the curves on a9a: LIBSVM's copy is not in this repository; breast_cancer and \
             mushrooms, binary features as in a9a, stand for it"
                .into(),
            "the step sizes behind the paper's curves: every method is given the best of its own \
             grid here"
                .into(),
            "the lower bounds of the theorems for all methods: what is checked is that no method \
             here beats what the chain allows"
                .into(),
        ],
    })
}
