//! An edit as typed: right types, nothing checked against a range or another field yet.

use crate::engine::raw::{RawRequest, entries, number, text, whole};
use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// An edit as typed. `None` means that the field was left out.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // docs/editing.md documents the fields; `generate::edit::Task` what they become.
pub struct RawEdit {
    pub parent: Option<String>,
    pub sample: Option<i128>,
    /// Contents of one or two files, decoded.
    pub files: Option<Vec<Vec<u8>>>,
    pub kind: Option<String>,
    pub from: Option<i128>,
    pub to: Option<i128>,
    pub persons: Option<Vec<i128>>,
    pub parts: Option<Vec<String>>,
    pub blend: Option<i128>,
    pub person: Option<i128>,
    pub role: Option<i128>,
    pub first: Option<i128>,
    pub middle: Option<i128>,
    pub last: Option<i128>,
    pub timeline: Option<Vec<RawStretch>>,
    pub share: Option<f64>,
    pub shift: Option<[f64; 2]>,
    pub turn: Option<f64>,
    /// What edits have in common with generations: prompt, seed, samples, steps, guidance, top_k_ratio, temperature, model.
    pub how: RawRequest,
}

/// One piece of a timeline as typed.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct RawStretch {
    pub prompt: Option<String>,
    pub frames: Option<i128>,
    pub seconds: Option<f64>,
}

/// Most commas in the body of an edit, each of which can be a value that takes many times its room. Thirteen prompts of a
/// thousand characters have no more than this; base64 has none.
const MAX_COMMAS: usize = 20_000;

/// Fields of edits alone.
pub(super) const OWN: [&str; 18] = [
    "parent", "sample", "files", "kind", "from", "to", "persons", "parts", "blend", "person", "role",
    "first", "middle", "last", "timeline", "share", "shift", "turn",
];
/// Fields that decide how new motion is made.
pub(super) const HOW: [&str; 8] =
    ["prompt", "seed", "samples", "steps", "guidance", "top_k_ratio", "temperature", "model"];

impl RawEdit {
    /// Read the JSON body of `POST /edit`.
    ///
    /// # Errors
    /// As [`RawRequest::from_json`].
    pub fn from_json(body: &[u8]) -> Result<Self> {
        if body.iter().filter(|byte| **byte == b',').count() > MAX_COMMAS {
            let message = "the edit has many more values than any edit needs";
            return Err(Error::invalid("invalid_json", message));
        }
        let mut raw = Self::default();
        let example = "{\"parent\": \"ID\", \"kind\": \"window\", \"from\": 30, \"to\": 60}";
        for (name, value) in entries(body, example, &[&OWN[..], &HOW].concat())? {
            raw.set(name, &value)?;
        }
        Ok(raw)
    }

    fn set(&mut self, name: &'static str, value: &Value) -> Result<()> {
        match name {
            "parent" => self.parent = Some(text(value, "invalid_parent", name)?),
            "sample" => self.sample = Some(whole(value, "invalid_sample", name)?),
            "files" => self.files = Some(files(value)?),
            "kind" => self.kind = Some(text(value, "invalid_kind", name)?),
            "from" => self.from = Some(whole(value, "invalid_window", name)?),
            "to" => self.to = Some(whole(value, "invalid_window", name)?),
            "persons" => {
                let person = |value| whole(value, "invalid_persons", "each of persons");
                self.persons =
                    Some(list(value, "invalid_persons", name)?.iter().map(person).collect::<Result<_>>()?);
            }
            "parts" => {
                let part = |value| text(value, "invalid_parts", "each of parts");
                self.parts =
                    Some(list(value, "invalid_parts", name)?.iter().map(part).collect::<Result<_>>()?);
            }
            "blend" => self.blend = Some(whole(value, "invalid_blend", name)?),
            "person" => self.person = Some(whole(value, "invalid_person", name)?),
            "role" => self.role = Some(whole(value, "invalid_role", name)?),
            "first" => self.first = Some(whole(value, "invalid_between", name)?),
            "middle" => self.middle = Some(whole(value, "invalid_between", name)?),
            "last" => self.last = Some(whole(value, "invalid_between", name)?),
            "timeline" => {
                let stretches = list(value, "invalid_timeline", name)?;
                self.timeline = Some(stretches.iter().map(RawStretch::read).collect::<Result<_>>()?);
            }
            "share" => self.share = Some(number(value, "invalid_share", name)?),
            "shift" => {
                let [x, z] = list(value, "invalid_shift", name)?.as_slice() else {
                    return Err(Error::invalid(
                        "invalid_shift",
                        "shift must be [x, z], two lengths in metres",
                    ));
                };
                self.shift = Some([number(x, "invalid_shift", "x")?, number(z, "invalid_shift", "z")?]);
            }
            "turn" => self.turn = Some(number(value, "invalid_turn", name)?),
            _ => self.how.set(name, value)?,
        }
        Ok(())
    }

    /// Names of the fields that were given.
    pub(super) fn given(&self) -> impl Iterator<Item = &'static str> {
        let how = &self.how;
        let given = [
            ("parent", self.parent.is_some()),
            ("sample", self.sample.is_some()),
            ("files", self.files.is_some()),
            ("kind", self.kind.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
            ("persons", self.persons.is_some()),
            ("parts", self.parts.is_some()),
            ("blend", self.blend.is_some()),
            ("person", self.person.is_some()),
            ("role", self.role.is_some()),
            ("first", self.first.is_some()),
            ("middle", self.middle.is_some()),
            ("last", self.last.is_some()),
            ("timeline", self.timeline.is_some()),
            ("share", self.share.is_some()),
            ("shift", self.shift.is_some()),
            ("turn", self.turn.is_some()),
            ("prompt", how.prompt.is_some()),
            ("seed", how.seed.is_some()),
            ("samples", how.samples.is_some()),
            ("steps", how.steps.is_some()),
            ("guidance", how.guidance.is_some()),
            ("top_k_ratio", how.top_k_ratio.is_some()),
            ("temperature", how.temperature.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name)
    }
}

impl RawStretch {
    fn read(value: &Value) -> Result<Self> {
        let Value::Object(members) = value else {
            let message = "each stretch of timeline must be an object such as {\"prompt\": \"they bow\", \"seconds\": 3}";
            return Err(Error::invalid("invalid_timeline", message));
        };
        let mut stretch = Self::default();
        for (name, value) in members {
            match name.as_str() {
                "prompt" => stretch.prompt = Some(text(value, "invalid_prompt", "prompt")?),
                "frames" => stretch.frames = Some(whole(value, "invalid_timeline", "frames")?),
                "seconds" => stretch.seconds = Some(number(value, "invalid_timeline", "seconds")?),
                _ => {
                    let message = "a stretch of timeline has prompt, and frames or seconds, and nothing else";
                    return Err(Error::invalid("unknown_field", message));
                }
            }
        }
        Ok(stretch)
    }
}

fn list<'a>(value: &'a Value, code: &'static str, name: &str) -> Result<&'a Vec<Value>> {
    value.as_array().ok_or_else(|| Error::invalid(code, format!("{name} must be a list")))
}

fn files(value: &Value) -> Result<Vec<Vec<u8>>> {
    let decoded = |value: &Value| {
        let text = text(value, "invalid_files", "each of files")?;
        STANDARD.decode(text.trim()).map_err(|_| {
            Error::invalid("invalid_files", "files must hold the bytes of npy or BVH files, in base64 each")
        })
    };
    list(value, "invalid_files", "files")?.iter().map(decoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &str) -> &'static str {
        RawEdit::from_json(body.as_bytes()).expect_err(body).code()
    }

    #[test]
    fn every_field_is_read() {
        let raw = RawEdit::from_json(
            br#"{"parent":"p","sample":1,"files":["aGk="],"kind":"window","from":4,"to":8,"persons":[1,2],"parts":["arms"],
                "blend":3,"person":2,"role":1,"first":16,"middle":20,"last":24,
                "timeline":[{"prompt":"a","frames":16},{"prompt":"b","seconds":2}],"share":0.5,"shift":[1,-0.5],"turn":90,
                "prompt":"they bow","seed":7,"samples":2,"steps":3,"guidance":1,"top_k_ratio":0.5,"temperature":2,"model":"m"}"#,
        )
        .unwrap();
        assert_eq!(raw.files, Some(vec![b"hi".to_vec()]));
        assert_eq!((raw.persons.as_deref(), raw.shift), (Some(&[1, 2][..]), Some([1.0, -0.5])));
        let second = RawStretch { prompt: Some("b".into()), frames: None, seconds: Some(2.0) };
        assert_eq!(raw.timeline.as_ref().map(|stretches| &stretches[1]), Some(&second));
        assert_eq!((raw.how.prompt.as_deref(), raw.how.model.as_deref()), (Some("they bow"), Some("m")));
        let all = OWN.iter().chain(&HOW).filter(|name| **name != "model");
        assert!(all.copied().eq(raw.given()), "every field is listed");
    }

    #[test]
    fn wrong_types_name_their_field() {
        for (name, bad, expected) in [
            ("parent", "7", "invalid_parent"),
            ("kind", "[]", "invalid_kind"),
            ("from", "1.5", "invalid_window"),
            ("persons", "1", "invalid_persons"),
            ("persons", "[\"1\"]", "invalid_persons"),
            ("parts", "[7]", "invalid_parts"),
            ("timeline", "[\"they bow\"]", "invalid_timeline"),
            ("timeline", "[{\"text\":\"they bow\"}]", "unknown_field"),
            ("files", "[\"not base64!\"]", "invalid_files"),
            ("shift", "[1]", "invalid_shift"),
            ("turn", "null", "invalid_turn"),
            ("share", "\"half\"", "invalid_share"),
            ("seed", "null", "invalid_seed"),
            ("frames", "90", "unknown_field"),
        ] {
            assert_eq!(code(&format!("{{\"{name}\":{bad}}}")), expected, "{name}: {bad}");
        }
        assert_eq!(code(r#"{"kind":"vary","kind":"vary"}"#), "duplicate_field");
        assert_eq!(code("[]"), "invalid_json");
    }

    #[test]
    fn lists_without_end_are_refused_before_they_are_built() {
        assert_eq!(code(&format!("{{\"persons\":[{}0]}}", "0,".repeat(4 << 20))), "invalid_json");
        let stretches = vec![serde_json::json!({"prompt": ",".repeat(1000), "frames": 16}); 12];
        let longest =
            serde_json::json!({"kind": "extend", "prompt": ",".repeat(1000), "timeline": stretches});
        assert!(RawEdit::from_json(longest.to_string().as_bytes()).is_ok());
    }
}
