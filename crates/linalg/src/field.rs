//! The element types linear algebra is compiled for.

use tensegrity_tensor::{Scalar, Tensor, c64, c128};

pub(crate) use crate::batch::Batch;
use crate::inverse_root::Request;
use crate::iterative::{Eigenpairs, ExpTimes, Iterate, Map, Stop, SvdMaps, Wanted};
use crate::operand::{Operand, Target};
use crate::{
    Cur, Eigh, Interpolative, InverseRoot, LeastSquares, LeftVectors, Lq, Lu, Polar, PolarMethod,
    Qr, Result, Rq, Svd, SvdMethod, Triangle, TruncatedSvd, Truncation,
};

/// A field linear algebra is compiled for: `f32`, `f64`, [`c64`] or [`c128`].
///
/// Sealed. The functions of this crate are thin generic wrappers around code
/// compiled here once per type, so calling them compiles nothing again.
pub trait Field: Scalar + hooks::Hooks {}

impl Field for f32 {}
impl Field for f64 {}
impl Field for c64 {}
impl Field for c128 {}

pub(crate) mod hooks {
    use super::*;

    macro_rules! hooks {
        ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty => $path:path;)*) => {
            /// Entry points of the code compiled for one type.
            #[allow(private_interfaces, missing_docs)]
            pub trait Hooks: Sized {
                $(#[doc(hidden)] fn $name($($argument: $type),*) -> $result;)*
            }

            #[allow(private_interfaces)]
            impl Hooks for f32 {
                $(fn $name($($argument: $type),*) -> $result { $path($($argument),*) })*
            }
            #[allow(private_interfaces)]
            impl Hooks for f64 {
                $(fn $name($($argument: $type),*) -> $result { $path($($argument),*) })*
            }
            #[allow(private_interfaces)]
            impl Hooks for c64 {
                $(fn $name($($argument: $type),*) -> $result { $path($($argument),*) })*
            }
            #[allow(private_interfaces)]
            impl Hooks for c128 {
                $(fn $name($($argument: $type),*) -> $result { $path($($argument),*) })*
            }
        };
    }

    hooks! {
        product(alpha: Self, a: Operand<'_, Self>, b: Operand<'_, Self>, beta: Self, c: Target<'_, Self>)
            -> () => crate::product::product;
        product_batched(alpha: Self, batch: Batch<'_, Self>, beta: Self)
            -> () => crate::batch::product_batched;
        gram(a: Operand<'_, Self>) -> Result<Tensor<Self>> => crate::gram::gram;
        svd(a: Operand<'_, Self>) -> Result<Svd<Self>> => crate::svd::thin;
        singular_values(a: Operand<'_, Self>) -> Result<Vec<f64>> => crate::svd::values;
        qr(a: Operand<'_, Self>) -> Result<Qr<Self>> => crate::qr::thin;
        lq(a: Operand<'_, Self>) -> Result<Lq<Self>> => crate::qr::thin_lq;
        rq(a: Operand<'_, Self>) -> Result<Rq<Self>> => crate::qr::thin_rq;
        eigh(a: Operand<'_, Self>) -> Result<Eigh<Self>> => crate::eigh::dense;
        cholesky(a: Operand<'_, Self>) -> Result<Tensor<Self>> => crate::cholesky::lower;
        solve(a: Operand<'_, Self>, b: Operand<'_, Self>) -> Result<Tensor<Self>>
            => crate::solve::general;
        solve_triangular(a: Operand<'_, Self>, triangle: Triangle, b: Operand<'_, Self>)
            -> Result<Tensor<Self>> => crate::solve::one_triangle;
        log_det(a: Operand<'_, Self>) -> Result<(Self, f64)> => crate::solve::log_determinant;
        lstsq(a: Operand<'_, Self>, b: Operand<'_, Self>, rcond: Option<f64>)
            -> Result<LeastSquares<Self>> => crate::least_squares::minimum_norm;
        pinv(a: Operand<'_, Self>, rcond: Option<f64>) -> Result<Tensor<Self>>
            => crate::least_squares::pseudo_inverse;
        inverse_root(request: Request<'_, Self>) -> Result<InverseRoot<Self>>
            => crate::inverse_root::root;
        msign(a: Operand<'_, Self>, method: &PolarMethod) -> Result<Tensor<Self>>
            => crate::polar_factor::factor;
        polar(a: Operand<'_, Self>) -> Result<Polar<Self>> => crate::least_squares::polar_factors;
        truncated_svd(a: Operand<'_, Self>, truncation: &Truncation, method: SvdMethod)
            -> Result<TruncatedSvd<Self>> => crate::truncated::decompose;
        lu(a: Operand<'_, Self>) -> Result<Lu<Self>> => crate::lu::exchanged;
        interpolative(a: Operand<'_, Self>, truncation: &Truncation)
            -> Result<Interpolative<Self>> => crate::interpolative::by_columns;
        cur(a: Operand<'_, Self>, truncation: &Truncation) -> Result<Cur<Self>>
            => crate::interpolative::both_sides;
        cg(map: &mut Map<'_, Self>, b: &[Self], preconditioner: Option<&mut Map<'_, Self>>, stop: &Stop)
            -> Result<Iterate<Self>> => crate::iterative::conjugate_gradients;
        minres(map: &mut Map<'_, Self>, b: &[Self], stop: &Stop) -> Result<Iterate<Self>>
            => crate::iterative::minimum_residual;
        gmres(map: &mut Map<'_, Self>, b: &[Self], restart: usize, stop: &Stop)
            -> Result<Iterate<Self>> => crate::iterative::restarted;
        eigsh(map: &mut Map<'_, Self>, n: usize, k: usize, wanted: Wanted, stop: &Stop)
            -> Result<Eigenpairs<Self>> => crate::iterative::thick_restart;
        lobpcg(
            map: &mut Map<'_, Self>,
            start: &Tensor<Self>,
            preconditioner: Option<&mut Map<'_, Self>>,
            wanted: Wanted,
            stop: &Stop
        ) -> Result<Eigenpairs<Self>> => crate::iterative::block;
        svds(maps: &mut SvdMaps<'_, '_, Self>, k: usize, stop: &Stop) -> Result<Svd<Self>>
            => crate::iterative::leading;
        expm(a: Operand<'_, Self>) -> Result<Tensor<Self>> => crate::iterative::dense_exponential;
        expm_times(map: &mut Map<'_, Self>, v: &[Self], t: Self, space: usize, stop: &Stop)
            -> Result<ExpTimes<Self>> => crate::iterative::exponential_times;
        left_vectors(a: Operand<'_, Self>, truncation: &Truncation, method: SvdMethod)
            -> Result<LeftVectors<Self>> => crate::truncated::left;
    }
}
