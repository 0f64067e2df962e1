//! What the composer makes: two tracks of motion and true sentences about them; and who makes it.

use super::draws::Draws;
use crate::data::capture::Joints;
use crate::error::Result;

/// One person: 22 joint positions a frame, metres, y up, floor at 0, 30 frames a second.
pub type Track = Vec<Joints>;

/// Two people in one room.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// What kind of interaction it is; the start of the clip's name.
    pub family: &'static str,
    /// Both people, of the same length.
    pub tracks: [Track; 2],
    /// What is true of them.
    pub facts: Facts,
}

/// Sentences that are true of a scene. Training mirrors scenes (and exchanges left and right in sentences) and exchanges the
/// people (and changes no sentence), so "the first person" must mean "one of them", never `tracks[0]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// About both.
    pub captions: Vec<String>,
    /// About each alone.
    pub persons: [Vec<String>; 2],
}

/// A maker of scenes. The composer draws a source by weight, asks it for a scene, checks the scene, and asks again (with other
/// draws) where it is refused; an error ends the whole composition.
pub trait Source: Sync {
    /// Name of the family that it makes.
    fn family(&self) -> &'static str;
    /// Share of clips, relative to the other sources.
    fn weight(&self) -> f64;
    /// One scene; the same draws give the same scene.
    ///
    /// # Errors
    /// Only for what no other draw can help.
    fn make(&self, draws: &mut Draws) -> Result<Scene>;
}
