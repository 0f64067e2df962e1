//! What has been made, newest first, without the motion: a page of a list.

use super::Finished;
use super::random::MotionId;
use serde::Serialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Most results on a page.
pub const MAX_PAGE: usize = 100;
/// Results on a page when nobody says how many.
pub const DEFAULT_PAGE: usize = 24;

/// What to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browse {
    /// Whose results; `None` = those of nobody in particular.
    pub owner: Option<String>,
    /// Only those made before this one.
    pub before: Option<MotionId>,
    /// At most so many, 1..=[`MAX_PAGE`].
    pub limit: usize,
}

/// A result in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub id: MotionId,
    /// When it was made, as the wall clock had it.
    pub created: SystemTime,
    /// The model that made it.
    pub model: String,
    /// The sentence.
    pub prompt: String,
    /// Length at 30 a second.
    pub frames: usize,
    /// How many clips it has.
    pub samples: usize,
    /// Of the first.
    pub seed: u64,
    /// What kind of edit made it, if one did.
    pub kind: Option<String>,
    /// What it was made from, if that is a result.
    pub parent: Option<MotionId>,
}

impl Entry {
    /// The result in short.
    pub fn of(finished: &Finished) -> Self {
        let Finished { id, created, model, request, edit, .. } = finished;
        Self {
            id: *id,
            created: *created,
            model: model.clone(),
            prompt: request.prompt.clone(),
            frames: request.frames,
            samples: request.samples,
            seed: request.seed,
            kind: edit.as_ref().map(|edit| edit.kind().to_owned()),
            parent: edit.as_ref().and_then(|edit| edit.parent),
        }
    }
}

/// Part of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The newest first.
    pub entries: Vec<Entry>,
    /// There are more: those made before the last one.
    pub more: bool,
}

impl Page {
    /// Of a list that was cut after one more than `limit`.
    pub(super) fn of(mut entries: Vec<Entry>, limit: usize) -> Self {
        let more = entries.len() > limit;
        entries.truncate(limit);
        Self { entries, more }
    }
}

/// As RFC 3339 has it, in UTC. Clocks that are set to no year with four digits show the nearest that has.
fn date(time: SystemTime) -> String {
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let last = UNIX_EPOCH.checked_add(LAST).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_millis(time.clamp(UNIX_EPOCH, last)).to_string()
}

impl Serialize for Entry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Told<'a> {
            id: String,
            created: String,
            model: &'a str,
            prompt: &'a str,
            frames: usize,
            seconds: f64,
            samples: usize,
            seed: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            kind: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            parent: Option<String>,
            motion: String,
        }
        Told {
            id: self.id.to_string(),
            created: date(self.created),
            model: &self.model,
            prompt: &self.prompt,
            frames: self.frames,
            seconds: super::answer::seconds(self.frames),
            samples: self.samples,
            seed: self.seed,
            kind: self.kind.as_deref(),
            parent: self.parent.map(|id| id.to_string()),
            motion: format!("/motions/{}", self.id),
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_four_digits_whatever_the_clock_says() {
        let at = |seconds: u64| date(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(1_700_000_000), "2023-11-14T22:13:20.000Z");
        assert_eq!(at(1 << 40), "9999-12-31T23:59:59.000Z");
        assert_eq!(date(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00.000Z");
    }
}
