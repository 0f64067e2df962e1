//! Files in and out: NumPy arrays here, motion capture beside it. Nothing here executes what it reads.

pub mod npy;
