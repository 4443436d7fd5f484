//! The einsum front end.
