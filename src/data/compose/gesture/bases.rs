//! What gestures are laid over.

use crate::data::compose::draws::Draws;
use crate::data::compose::scene::Track;

/// Gives standing and walking people: captured ones in earnest, a made-up one in tests.
pub trait Bases: Send + Sync {
    /// Some seconds of relaxed standing; the pelvis of frame 0 above the origin, facing +z, floor at 0. Not empty.
    fn standing(&self, draws: &mut Draws) -> Track;
    /// Several steps forward along +z from the origin, 40 frames or more.
    fn walking(&self, draws: &mut Draws) -> Track;
}
