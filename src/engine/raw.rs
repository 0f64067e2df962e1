//! A generation request as typed: right types, nothing checked against a range yet.
//!
//! Both doors build a [`RawRequest`] (the server from JSON, the command line from flags) and both call
//! [`RawRequest::validate`](super::request), so that there is one set of rules.

use crate::error::{Error, Result};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// Names of the request's fields, as JSON spells them.
pub const FIELDS: [&str; 13] = [
    "prompt",
    "seconds",
    "frames",
    "seed",
    "samples",
    "steps",
    "guidance",
    "top_k_ratio",
    "temperature",
    "memory",
    "foot_fix",
    "rigid",
    "model",
];

/// A request as typed. `None` means that the field was left out. Whole numbers are wide enough to hold any mistake.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // The fields are those of `GenerateRequest`, which documents them.
pub struct RawRequest {
    pub prompt: Option<String>,
    pub seconds: Option<f64>,
    pub frames: Option<i128>,
    pub seed: Option<i128>,
    pub samples: Option<i128>,
    pub steps: Option<i128>,
    pub guidance: Option<f64>,
    pub top_k_ratio: Option<f64>,
    pub temperature: Option<f64>,
    pub memory: Option<f64>,
    pub foot_fix: Option<bool>,
    pub rigid: Option<bool>,
    pub model: Option<String>,
}

impl RawRequest {
    /// Read the JSON body of `POST /generate`.
    ///
    /// # Errors
    /// `invalid_json` when it is no JSON object, `unknown_field`, `duplicate_field`, and `invalid_<field>` for a value of
    /// the wrong type. `null` is refused: it is what a browser makes of NaN.
    pub fn from_json(body: &[u8]) -> Result<Self> {
        Self::of(entries(body, "{\"prompt\": \"two people dance salsa\"}", &FIELDS)?)
    }

    /// [`RawRequest::from_json`] where the object has been taken apart.
    pub(super) fn from_entries(entries: Entries) -> Result<Self> {
        Self::of(entries.members(&FIELDS)?)
    }

    fn of(members: Vec<(&'static str, Value)>) -> Result<Self> {
        let mut raw = Self::default();
        for (name, value) in members {
            raw.set(name, &value)?;
        }
        Ok(raw)
    }

    pub(super) fn set(&mut self, name: &str, value: &Value) -> Result<()> {
        match name {
            "prompt" => self.prompt = Some(text(value, "invalid_prompt", "prompt")?),
            "seconds" => self.seconds = Some(number(value, "invalid_seconds", "seconds")?),
            "frames" => self.frames = Some(whole(value, "invalid_frames", "frames")?),
            "seed" => self.seed = Some(whole(value, "invalid_seed", "seed")?),
            "samples" => self.samples = Some(whole(value, "invalid_samples", "samples")?),
            "steps" => self.steps = Some(whole(value, "invalid_steps", "steps")?),
            "guidance" => self.guidance = Some(number(value, "invalid_guidance", "guidance")?),
            "top_k_ratio" => self.top_k_ratio = Some(number(value, "invalid_top_k_ratio", "top_k_ratio")?),
            "temperature" => self.temperature = Some(number(value, "invalid_temperature", "temperature")?),
            "memory" => self.memory = Some(number(value, "invalid_memory", "memory")?),
            "foot_fix" => self.foot_fix = Some(switch(value, "invalid_foot_fix", "foot_fix")?),
            "rigid" => self.rigid = Some(switch(value, "invalid_rigid", "rigid")?),
            "model" => self.model = Some(text(value, "invalid_model", "model")?),
            _ => unreachable!("FIELDS and this match list the same names"),
        }
        Ok(())
    }
}

/// The members of a JSON object, each of `fields` at most once; `example` shows what a body looks like.
///
/// # Errors
/// `invalid_json`, `unknown_field`, `duplicate_field`.
pub(super) fn entries(
    body: &[u8],
    example: &str,
    fields: &[&'static str],
) -> Result<Vec<(&'static str, Value)>> {
    let entries: Entries = serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            Error::invalid("invalid_json", format!("the body must be a JSON object such as {example}"))
        } else {
            not_json(&error)
        }
    })?;
    entries.members(fields)
}

/// The error of a body that is no JSON.
pub(super) fn not_json(error: &serde_json::Error) -> Error {
    let message = format!("the body is not valid JSON (line {}, column {})", error.line(), error.column());
    Error::invalid("invalid_json", message)
}

pub(super) fn text(value: &Value, code: &'static str, name: &str) -> Result<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| Error::invalid(code, format!("{name} must be a string")))
}

pub(super) fn number(value: &Value, code: &'static str, name: &str) -> Result<f64> {
    value.as_f64().ok_or_else(|| Error::invalid(code, format!("{name} must be a number, or left out")))
}

fn switch(value: &Value, code: &'static str, name: &str) -> Result<bool> {
    let refused = || Error::invalid(code, format!("{name} must be true or false, or left out"));
    value.as_bool().ok_or_else(refused)
}

/// A whole number, however JSON wrote it (`90`, `90.0`, `9e1`): JSON has one kind of number.
pub(super) fn whole(value: &Value, code: &'static str, name: &str) -> Result<i128> {
    let refused = || Error::invalid(code, format!("{name} must be a whole number, or left out"));
    if let Some(value) = value.as_u64() {
        return Ok(value.into());
    }
    if let Some(value) = value.as_i64() {
        return Ok(value.into());
    }
    let value = value.as_f64().ok_or_else(refused)?;
    if value.fract() != 0.0 {
        return Err(refused());
    }
    // Saturates, and every such number is out of every field's range. Above 2^64 only, so that no digit of a seed is lost.
    if value.abs() < 9_007_199_254_740_992.0 || value.abs() >= 18_446_744_073_709_551_616.0 {
        Ok(value as i128)
    } else {
        Err(refused())
    }
}

/// The members of a JSON object in order, repeated names included: serde_json's own map would hide those.
pub(super) struct Entries(Vec<(String, Value)>);

impl Entries {
    /// Take them from an object that is being read.
    pub(super) fn of<'de, A: MapAccess<'de>>(mut map: A) -> std::result::Result<Self, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Self(entries))
    }

    /// Each of `fields` at most once, and no others.
    fn members(self, fields: &[&'static str]) -> Result<Vec<(&'static str, Value)>> {
        let mut members: Vec<(&'static str, Value)> = Vec::with_capacity(fields.len());
        for (name, value) in self.0 {
            let Some(&field) = fields.iter().find(|field| **field == name) else {
                let shown: String = name.chars().take(40).collect();
                return Err(Error::invalid(
                    "unknown_field",
                    format!("there is no field {shown:?}; the fields are {}", fields.join(", ")),
                ));
            };
            if members.iter().any(|(other, _)| *other == field) {
                return Err(Error::invalid("duplicate_field", format!("the field {name:?} is given twice")));
            }
            members.push((field, value));
        }
        Ok(members)
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Entries;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Entries, A::Error> {
                Entries::of(map)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &str) -> &'static str {
        RawRequest::from_json(body.as_bytes()).expect_err(body).code()
    }

    #[test]
    fn every_field_is_read() {
        let raw = RawRequest::from_json(
            br#"{"prompt":"p","seconds":4,"frames":9e1,"seed":18446744073709551615,"samples":2.0,"steps":3,
                "guidance":2,"top_k_ratio":0.5,"temperature":1,"memory":0.5,"foot_fix":false,"rigid":false,"model":"m"}"#,
        )
        .unwrap();
        assert_eq!(
            raw,
            RawRequest {
                prompt: Some("p".into()),
                seconds: Some(4.0),
                frames: Some(90),
                seed: Some(u64::MAX.into()),
                samples: Some(2),
                steps: Some(3),
                guidance: Some(2.0),
                top_k_ratio: Some(0.5),
                temperature: Some(1.0),
                memory: Some(0.5),
                foot_fix: Some(false),
                rigid: Some(false),
                model: Some("m".into()),
            }
        );
    }

    #[test]
    fn wrong_types_name_their_field() {
        for (name, bad) in [
            ("prompt", "7"),
            ("seconds", "\"4\""),
            ("seconds", "null"),
            ("frames", "\"90\""),
            ("frames", "90.5"),
            ("frames", "[90]"),
            ("seed", "null"),
            ("seed", "9007199254740993.0"),
            ("samples", "true"),
            ("steps", "{}"),
            ("guidance", "\"NaN\""),
            ("top_k_ratio", "null"),
            ("temperature", "\"1\""),
            ("memory", "true"),
            ("foot_fix", "1"),
            ("rigid", "\"yes\""),
            ("model", "null"),
        ] {
            assert_eq!(code(&format!("{{\"{name}\":{bad}}}")), format!("invalid_{name}"), "{name}: {bad}");
        }
    }

    #[test]
    fn broken_objects() {
        for bad in
            ["", "{", "{\"frames\":NaN}", "{\"seconds\":1e999}", "[]", "\"x\"", "null", "{} {}", "\u{7f}"]
        {
            assert_eq!(code(bad), "invalid_json", "{bad}");
        }
        assert_eq!(code(&"[".repeat(60_000)), "invalid_json");
        assert_eq!(code(&format!("{{\"prompt\":{}", "[".repeat(60_000))), "invalid_json");
        assert_eq!(code(r#"{"prompt":"a","prompt":"b"}"#), "duplicate_field");
        assert_eq!(code(r#"{"prompt":"a","n":1000000}"#), "unknown_field");
        assert_eq!(code(r#"{"Prompt":"a"}"#), "unknown_field");
        assert_eq!(code(r#"{"prompt":"\ud800"}"#), "invalid_json");
    }

    #[test]
    fn huge_numbers_stay_huge() {
        for (bad, sign) in [("1e308", 1), ("-1e308", -1), ("99999999999999999999999", 1)] {
            let raw = RawRequest::from_json(format!("{{\"frames\":{bad}}}").as_bytes()).unwrap();
            let frames = raw.frames.unwrap();
            assert!(frames.signum() == sign && frames.unsigned_abs() > u64::MAX.into(), "{bad}");
        }
    }
}
