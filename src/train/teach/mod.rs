//! Teaching a small text tower what a public sentence model knows, so that words outside the captions mean something too.
//!
//! First the [`teacher`] is asked for the meaning of every word of CLIP's vocabulary; reduced to the tower's width ([`pca`]),
//! that is the token table. Then the tower learns to say what the teacher says of whole sentences ([`corpus`], made of
//! captions and of a [`grammar`]'s scenes), and to keep apart what the teacher hardly does: left from right, who from whom
//! ([`objective`]). [`measure`] holds it against an untaught tower and against the teacher itself.

pub mod corpus;
pub mod grammar;
pub mod lessons;
pub mod measure;
pub mod objective;
pub mod pca;
pub mod pupil;
pub mod teach_loop;
pub mod teacher;
pub mod words;
