//! Layers and kernels that every model shares. Knows candle and nothing else of the house.

pub mod attention;
pub mod conv;
pub mod dropout;
pub mod linear;
pub mod machine;
pub mod norm;
pub mod ops;
pub mod params;
pub mod precision;
pub mod probe;
