//! Norms as values, and steepest descent under them.
//!
//! The steepest descent direction for a gradient `G` under a norm minimises
//! `⟨G, D⟩ + (λ/2)·‖D‖²`: it is `−(‖G‖*/λ)·dualize(G)`, with value
//! `−‖G‖*²/(2λ)`; the norm decides the direction, the sharpness λ the length.
//! Source: Bernstein and Newhouse 2024.

mod descent;
mod dual;
mod modular;
mod module;
mod muon;
mod spec;
mod vector;

pub use descent::{Eta, NormDescent};
pub use modular::Modular;
pub use module::Module;
pub use muon::{Muon, MuonVariant};
pub use spec::{NormSpec, Steepest};
