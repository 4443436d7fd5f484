//! Tucker decompositions: a small core with one matrix for each mode.
//!
//! Methods: HOSVD (De Lathauwer, De Moor and Vandewalle 2000), ST-HOSVD
//! (Vannieuwenhoven, Vandebril and Meerbergen 2012) and HOOI, the alternating
//! best fit at fixed ranks (the same authors as the first, part II).
//!
//! Guarantees: factors have orthonormal columns, so that the error is
//! √(‖X‖² − ‖core‖²); HOOI is never worse than the ST-HOSVD it starts from.

pub(crate) mod curve;
pub(crate) mod hooi;
pub(crate) mod hosvd;
mod params;
pub(crate) mod st_hosvd;
mod tensor;
mod warm;

pub use curve::TuckerCurve;
pub use hooi::hooi;
pub use hosvd::hosvd;
pub use params::{HooiOptions, TuckerOptions};
pub use st_hosvd::st_hosvd;
pub use tensor::TuckerTensor;
pub(crate) use tensor::scale as scale_by_power;
