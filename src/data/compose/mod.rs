//! Two-person clips with captions, composed of captured single persons.

pub mod draws;
pub mod gesture;
pub mod scene;
