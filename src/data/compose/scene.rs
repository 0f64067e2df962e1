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

/// Sentences that are true of a scene. Training mirrors scenes, and exchanges left and right in sentences. "The first person" is
/// `tracks[0]`, for trainings that tell people apart; those that do not exchange them and change no sentence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// About both.
    pub captions: Vec<String>,
    /// About each alone.
    pub persons: [Vec<String>; 2],
    /// What happens, in the composer's own words: the same for all scenes in which the same happens, however it is told.
    pub meaning: String,
}

/// A maker of scenes. The composer draws a source by weight and asks it for a scene; the source itself refuses what cannot be
/// and draws again. Add one to the list in [`super::sources`].
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
    /// Scenes refused so far.
    fn rejected(&self) -> usize {
        0
    }
    /// What the frames are called in the summary: `composed` of captures, or `layered` with changes to them.
    fn origin(&self) -> &'static str {
        "composed"
    }
}
