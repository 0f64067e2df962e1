//! Motion capture files in the BVH format: any hierarchy, any channel order, plain or gzip-compressed.
//!
//! A [`Bvh`] is the file as it is: nodes, channels, numbers, in the file's own units and axes. A [`Mapping`] says how
//! its nodes become the 22 joints of this project, in metres, y up, 30 frames a second.
//!
//! ```no_run
//! # fn main() -> duet::Result<()> {
//! use duet::formats::bvh::{Bvh, Mapping};
//! let bvh = Bvh::read("60_01.bvh.gz".as_ref())?;
//! let joints = Mapping::builtin("daz")?.bind(&bvh)?.convert()?;
//! println!("{} frames at 30 fps", joints.positions.len());
//! # Ok(()) }
//! ```

mod convert;
mod legs;
mod mapping;
mod names;
#[cfg(test)]
mod page;
mod parse;
mod pose;
mod rate;
mod read;
mod size;
mod write;

pub(super) use convert::leg_length;
pub use convert::{Bound, Converted, RateConversion};
pub use legs::Legs;
pub use mapping::{BUILTIN_MAPPINGS, Mapping};
pub use read::unpacked;
pub use size::Release;
pub use write::{Unit, write};

/// Most nodes (joints and end sites) a file may have.
pub const MAX_NODES: usize = 1024;
/// Most frames a file may have: over two hours at 120 frames a second.
pub const MAX_FRAMES: usize = 1_000_000;
/// Most numbers in the motion part.
pub const MAX_VALUES: usize = 64_000_000;
/// Most bytes of text, after decompression.
pub const MAX_BYTES: u64 = 512 << 20;

/// A coordinate axis of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// First coordinate.
    X,
    /// Second coordinate.
    Y,
    /// Third coordinate.
    Z,
}

impl Axis {
    /// 0, 1 or 2.
    pub fn index(self) -> usize {
        match self {
            Axis::X => 0,
            Axis::Y => 1,
            Axis::Z => 2,
        }
    }
}

/// What one number of a frame drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The node's place relative to its parent, replacing that coordinate of the offset; file units.
    Position(Axis),
    /// A rotation about one axis of the node's own frame, degrees. Channels compose left to right.
    Rotation(Axis),
}

/// One joint or end site.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// As in the file; an end site is called `end of PARENT`.
    pub name: String,
    /// Index of the parent, always smaller than the node's own; `None` for a root.
    pub parent: Option<usize>,
    /// Place relative to the parent at rest; file units.
    pub offset: [f64; 3],
    /// In file order; empty for an end site.
    pub channels: Vec<Channel>,
}

/// A BVH file: a hierarchy, and one row of channel values a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Bvh {
    nodes: Vec<Node>,
    frames: usize,
    fps: f64,
    /// Row-major (frames, channels).
    values: Vec<f64>,
}

impl Bvh {
    /// Joints and end sites, parents before children.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Number of frames, at least one.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Frames a second. Files round the frame time (30 fps is written 0.0333): this is what they mean.
    pub fn fps(&self) -> f64 {
        self.fps
    }

    /// The channel values of one frame, in file order.
    fn row(&self, frame: usize) -> &[f64] {
        let channels = self.values.len() / self.frames;
        &self.values[frame * channels..(frame + 1) * channels]
    }
}
