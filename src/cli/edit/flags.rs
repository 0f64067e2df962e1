//! The flags of `duet edit`, one subcommand a kind of edit.

use crate::cli::device::ComputeArgs;
use crate::cli::drawing::DrawingArgs;
use crate::engine::{RawEdit, RawRequest, RawStretch};
use crate::error::{Error, Result};
use crate::formats::Format;
use clap::{Args, Subcommand};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  duet edit window out/ --from 30 --to 60 --persons 1 --parts arms --prompt \"one person waves\" --out out2/
  duet edit react capture.bvh --prompt \"two people dance salsa\" --out out2/
  duet edit between out/ --first 30 --last 30 --middle 60 --out out2/
  duet edit extend out/ --then 3 \"they bow\" --then 4 \"they walk away\" --out out2/
  duet edit vary out/ --share 0.3 --samples 4 --out out2/
  duet edit move out/ --person 2 --shift 0.3 0 --turn 15 --out out2/

RESULT is a folder that `duet generate` or `duet edit` wrote, or one or two files of captured people (npy keypoints or BVH).
The result that is edited stays as it is; the new one goes to another folder. Frames count from 0, 30 a second.
docs/editing.md says what stays, to the number, and what moves.";

/// Change a motion: some frames or body parts anew, a new partner, longer, elsewhere.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct EditArgs {
    #[command(subcommand)]
    pub(super) kind: Kind,
}

#[derive(Debug, Subcommand)]
pub(super) enum Kind {
    /// Make some frames anew
    Window {
        #[command(flatten)]
        source: SourceArgs,
        /// First frame to make anew
        #[arg(long, value_name = "FRAME", allow_negative_numbers = true)]
        from: i128,
        /// The frame after the last one to make anew
        #[arg(long, value_name = "FRAME", allow_negative_numbers = true)]
        to: i128,
        /// Whose: 1, 2 or 1,2 [default: both]
        #[arg(long, value_name = "PERSONS", value_delimiter = ',')]
        persons: Option<Vec<i128>>,
        /// Which body parts, with commas between them: legs, torso, arms [default: all]
        #[arg(long, value_name = "PARTS", value_delimiter = ',')]
        parts: Option<Vec<String>>,
        /// Frames on either side over which the new runs into the old, 0 to 32 [default: 12]
        #[arg(long, value_name = "FRAMES", allow_negative_numbers = true)]
        blend: Option<i128>,
        #[command(flatten)]
        words: WordsArgs,
        #[command(flatten)]
        drawing: DrawingArgs,
        #[command(flatten)]
        target: TargetArgs,
    },
    /// Make a new partner for one person
    React {
        #[command(flatten)]
        source: SourceArgs,
        /// Who stays: 1 or 2 [default: 1]
        #[arg(long, value_name = "PERSON", allow_negative_numbers = true)]
        person: Option<i128>,
        /// Who that is in the sentence and in the result: 1 or 2 [default: as now]
        #[arg(long, value_name = "PERSON", allow_negative_numbers = true)]
        role: Option<i128>,
        #[command(flatten)]
        words: WordsArgs,
        #[command(flatten)]
        drawing: DrawingArgs,
        #[command(flatten)]
        target: TargetArgs,
    },
    /// Keep both ends and make the middle, of any length
    Between {
        #[command(flatten)]
        source: SourceArgs,
        /// Frames that stay at the beginning
        #[arg(long, value_name = "FRAMES", allow_negative_numbers = true)]
        first: i128,
        /// Frames that stay at the end
        #[arg(long, value_name = "FRAMES", allow_negative_numbers = true)]
        last: i128,
        /// Frames to make [default: as many as there are now]
        #[arg(long, value_name = "FRAMES", allow_negative_numbers = true)]
        middle: Option<i128>,
        #[command(flatten)]
        words: WordsArgs,
        #[command(flatten)]
        drawing: DrawingArgs,
        #[command(flatten)]
        target: TargetArgs,
    },
    /// Go on after the end, one sentence a stretch
    Extend {
        #[command(flatten)]
        source: SourceArgs,
        /// Seconds (0.54 to 8) and what happens in them; once for each stretch
        #[arg(long, num_args = 2, value_names = ["SECONDS", "PROMPT"], required = true)]
        then: Vec<String>,
        #[command(flatten)]
        drawing: DrawingArgs,
        #[command(flatten)]
        target: TargetArgs,
    },
    /// More like this: what the model is least sure of is drawn again
    Vary {
        #[command(flatten)]
        source: SourceArgs,
        /// Share of the motion's tokens that is drawn again, 0.05 to 1 [default: 0.4]
        #[arg(long, value_name = "X", allow_negative_numbers = true)]
        share: Option<f64>,
        #[command(flatten)]
        words: WordsArgs,
        #[command(flatten)]
        drawing: DrawingArgs,
        #[command(flatten)]
        target: TargetArgs,
    },
    /// Move or turn one person; needs no model's opinion
    Move {
        #[command(flatten)]
        source: SourceArgs,
        /// Who: 1 or 2
        #[arg(long, value_name = "PERSON", allow_negative_numbers = true)]
        person: i128,
        /// Metres along x and z
        #[arg(long, num_args = 2, value_names = ["X", "Z"], allow_negative_numbers = true)]
        shift: Option<Vec<f64>>,
        /// Degrees, counter-clockwise seen from above
        #[arg(long, value_name = "DEGREES", allow_negative_numbers = true)]
        turn: Option<f64>,
        /// Frame at which the move begins; without --from and --to the whole clip moves
        #[arg(long, value_name = "FRAME", allow_negative_numbers = true)]
        from: Option<i128>,
        /// Frame at which it is complete
        #[arg(long, value_name = "FRAME", allow_negative_numbers = true)]
        to: Option<i128>,
        #[command(flatten)]
        target: TargetArgs,
    },
}

/// What is edited.
#[derive(Debug, Args)]
pub(super) struct SourceArgs {
    /// A folder that duet wrote, or one or two files (npy, BVH) of captured people: person 1, person 2
    #[arg(required = true, num_args = 1..=2, value_name = "RESULT")]
    pub(super) sources: Vec<PathBuf>,
    /// Which sample of the folder's result, from 0 [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(super) sample: Option<i128>,
}

/// What the new part is about.
#[derive(Debug, Args)]
pub(super) struct WordsArgs {
    /// What the two people do in the new part [default: what was asked for before]
    #[arg(long)]
    prompt: Option<String>,
}

/// Who makes the result and where it goes.
#[derive(Debug, Args)]
pub(super) struct TargetArgs {
    #[command(flatten)]
    pub(super) compute: ComputeArgs,
    /// Model to use: a name, or the folder of a package [default: the one that made the result, else duet-mini]
    #[arg(long, env = "DUET_MODEL", value_name = "NAME")]
    pub(super) model: Option<String>,
    /// Folder to write to; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "out-edit")]
    pub(super) out: PathBuf,
    /// Formats, with commas between them: npy, npz, amass, bvh, glb, gif, png, and mp4 where it was built in
    #[arg(long, value_name = "FORMATS", value_delimiter = ',', default_value = "npy")]
    pub(super) format: Vec<Format>,
    /// Write even if the folder holds another result, which is thereby lost
    #[arg(long)]
    pub(super) overwrite: bool,
    /// Also print the result on stdout as JSON, as `POST /edit` answers it
    #[arg(long)]
    pub(super) json: bool,
}

/// The flags, sorted.
pub(super) struct Asked {
    pub(super) raw: RawEdit,
    pub(super) source: SourceArgs,
    pub(super) target: TargetArgs,
}

impl TryFrom<Kind> for Asked {
    type Error = Error;

    fn try_from(kind: Kind) -> Result<Self> {
        let sorted = |kind: &str, raw: RawEdit, source: SourceArgs, target: TargetArgs| {
            let raw = RawEdit { kind: Some(kind.to_owned()), sample: source.sample, ..raw };
            Self { raw, source, target }
        };
        Ok(match kind {
            Kind::Window { source, from, to, persons, parts, blend, words, drawing, target } => {
                let (from, to, how) = (Some(from), Some(to), how(words.prompt, drawing));
                sorted(
                    "window",
                    RawEdit { from, to, persons, parts, blend, how, ..RawEdit::default() },
                    source,
                    target,
                )
            }
            Kind::React { source, person, role, words, drawing, target } => {
                let how = how(words.prompt, drawing);
                sorted("react", RawEdit { person, role, how, ..RawEdit::default() }, source, target)
            }
            Kind::Between { source, first, last, middle, words, drawing, target } => {
                let (first, last, how) = (Some(first), Some(last), how(words.prompt, drawing));
                sorted("between", RawEdit { first, last, middle, how, ..RawEdit::default() }, source, target)
            }
            Kind::Extend { source, then, drawing, target } => {
                let timeline = Some(timeline(&then)?);
                let how = how(None, drawing);
                sorted("extend", RawEdit { timeline, how, ..RawEdit::default() }, source, target)
            }
            Kind::Vary { source, share, words, drawing, target } => {
                let how = how(words.prompt, drawing);
                sorted("vary", RawEdit { share, how, ..RawEdit::default() }, source, target)
            }
            Kind::Move { source, person, shift, turn, from, to, target } => {
                let shift = shift.and_then(|shift| <[f64; 2]>::try_from(shift).ok());
                let person = Some(person);
                sorted(
                    "move",
                    RawEdit { person, shift, turn, from, to, ..RawEdit::default() },
                    source,
                    target,
                )
            }
        })
    }
}

fn how(prompt: Option<String>, drawing: DrawingArgs) -> RawRequest {
    RawRequest { prompt, ..drawing.into() }
}

/// Seconds and prompt, seconds and prompt, and so on.
fn timeline(then: &[String]) -> Result<Vec<RawStretch>> {
    let stretch = |pair: &[String; 2]| {
        let [seconds, prompt] = pair;
        let seconds = seconds.parse().map_err(|_| {
            Error::invalid(
                "invalid_timeline",
                format!("--then takes seconds, then a sentence; {seconds:?} is no number"),
            )
        })?;
        Ok(RawStretch { prompt: Some(prompt.clone()), frames: None, seconds: Some(seconds) })
    };
    then.as_chunks::<2>().0.iter().map(stretch).collect()
}
