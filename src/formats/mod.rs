//! Files in and out: NumPy arrays and motion capture. Nothing here executes what it reads.

pub mod bvh;
pub mod npy;
