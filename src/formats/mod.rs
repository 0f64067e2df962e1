//! Files in and out: NumPy arrays, motion capture, animated bodies, videos. Nothing here executes what it reads.

pub mod amass;
pub mod bvh;
pub mod glb;
mod motion_file;
pub mod npy;
pub mod npz;
mod person;
pub mod video;

pub use motion_file::{Choices, Exporter, MotionFile};
pub use person::{load_person, read_person};

use crate::error::{Error, ErrorKind, Result};
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

/// A kind of file that a motion can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Keypoints of one person as InterMask writes them ([`npy`]).
    Npy,
    /// Both people's arrays and what made them, for NumPy ([`npz`]).
    Npz,
    /// One person's rotations in the layout of AMASS, for tools around SMPL bodies ([`amass`]).
    Amass,
    /// The skeleton of one person, for animation tools ([`bvh`]).
    Bvh,
    /// Both people with bodies, for Blender, game engines and browsers ([`glb`]).
    Glb,
    /// A video with a title, to post and to show ([`video`]).
    Mp4,
    /// The same as an animated picture ([`video`]).
    Gif,
    /// A contact sheet of still pictures ([`video`]).
    Png,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Npy, Self::Npz, Self::Amass, Self::Bvh, Self::Glb, Self::Mp4, Self::Gif, Self::Png];

    /// What it is called in flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amass => "amass",
            _ => self.extension(),
        }
    }

    /// How names of such files end, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Amass => "amass.npz",
            Self::Npy => "npy",
            Self::Npz => "npz",
            Self::Bvh => "bvh",
            Self::Glb => "glb",
            Self::Mp4 => "mp4",
            Self::Gif => "gif",
            Self::Png => "png",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    /// By its name.
    ///
    /// # Errors
    /// `unknown_format`; `mp4_not_built`, so that nobody waits for a video that this program cannot make.
    fn from_str(name: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|format| format.name() == name) {
            Some(Self::Mp4) if !cfg!(feature = "mp4") => Err(mp4_not_built()),
            Some(format) => Ok(format),
            None => {
                let known = Self::ALL.map(Self::name).join(", ");
                let message = format!("there is no format of this name; there is {known}");
                Err(Error::invalid("unknown_format", message))
            }
        }
    }
}

/// What a program built without the feature `mp4` says where one is asked for.
pub fn mp4_not_built() -> Error {
    let message = "mp4 is not in this build; choose gif, or build the program with --features mp4";
    Error::new(ErrorKind::Unsupported, "mp4_not_built", message)
}

/// Where a motion comes from, for files that can say so. All of it may be unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The sentence.
    pub prompt: Option<String>,
    /// Name of the model.
    pub model: Option<String>,
    /// The seed that alone makes this motion again.
    pub seed: Option<u64>,
    /// All settings, a JSON object.
    pub settings: Option<String>,
}

/// The bytes of a file; `None` where there are more than `most`.
///
/// # Errors
/// `file_not_found`, `permission_denied`, `io`.
fn load(path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    let file = std::fs::File::open(path).map_err(|e| Error::io("open", path, e))?;
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a file that grows or lies about its size is caught too.
    file.take(most + 1).read_to_end(&mut bytes).map_err(|e| Error::io("read", path, e))?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_called_as_their_files_end() {
        for format in Format::ALL {
            let parsed = format.to_string().parse::<Format>();
            if format == Format::Mp4 && !cfg!(feature = "mp4") {
                assert_eq!(parsed.unwrap_err().code(), "mp4_not_built");
            } else {
                assert_eq!(parsed.unwrap(), format);
            }
        }
        assert_eq!("fbx".parse::<Format>().unwrap_err().code(), "unknown_format");
    }
}
