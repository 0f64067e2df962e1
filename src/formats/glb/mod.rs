//! Both people in one binary glTF 2.0 file: two armatures with bodies on them and one animation.
//!
//! glTF's conventions are the house's: metres, y up, right-handed, people facing +z in the rest pose. [`body`] is the shape,
//! [`buffer`] the numbers, [`scene`] the document that names them, [`container`] the bytes around both.

mod body;
mod buffer;
mod container;
mod scene;

use super::Origin;
use crate::error::Result;
use crate::motion::animation::Animation;

/// The file. Its animation starts at 0 s; frame *t* of a person is at *t* / fps. The armatures are called `person1` and
/// `person2`, their bones `person1_pelvis` and so on with the house's joint names. The rest pose is a T-pose with the clip's
/// bone lengths, each person standing on the floor where they are in the first frame.
///
/// # Errors
/// Only internal ones.
pub fn write(persons: [&Animation; 2], origin: &Origin) -> Result<Vec<u8>> {
    let (document, numbers) = scene::scene(persons, origin);
    container::pack(&document, numbers)
}
