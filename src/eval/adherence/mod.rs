//! Does the motion do what the words say? Prompts with statements about the motion that they ask for, and the means to
//! check those from joint positions alone.
//!
//! ```text
//! prompt file -> Prompt --+
//!                         +-> Verdict --> Report -> report.json, report.md
//! two tracks  -> Scene  --+
//! two tracks  -> Quality ---------------^
//!
//! rules + labelled clips -> Plan -> Ceilings: what the checks say of motion whose content is known
//! ```
//!
//! Any pair of tracks can be checked: `Scene::new([&first, &second])`, then [`Prompt::check`] or [`Predicate::holds`].
//!
//! **Who is A and who is B.** Official training exchanges the two people at random and leaves the caption as it is, and the
//! official network treats both alike: which of the two comes out as person 1 says nothing. So a prompt passes where its
//! statements hold with person 1 as A and person 2 as B, or the other way round, all of them with the same cast. This holds
//! for "the first person" as well: it is one of the two, the same one throughout. `roles = "listed"` in a prompt asks for
//! person 1 as A.

mod body;
pub mod ceiling;
pub mod examples;
mod force;
mod limbs;
mod phase;
mod place;
pub mod predicate;
pub mod prompt;
pub mod quality;
pub mod report;
pub mod scene;
#[cfg(test)]
pub(in crate::eval) mod stage;
mod table;
mod touch;
pub mod wilson;
pub mod words;

pub use predicate::Predicate;
pub use prompt::{Prompt, Verdict};
pub use quality::Quality;
pub use report::Report;
pub use scene::Scene;
pub use words::Cast;
