//! Exact simplification of networks.
