//! The rules of a request: [`RawRequest`] in, [`ValidRequest`] out. Nothing downstream checks a range again.

use super::random;
use super::raw::RawRequest;
use crate::error::{Error, Result};
use crate::generate::{FRAMES_PER_TOKEN, GenerateRequest, MAX_FRAMES, MIN_FRAMES};
use crate::motion::FPS;
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Longest prompt, characters (after trimming).
pub const MAX_PROMPT: usize = 1000;
/// Most samples in one request.
pub const MAX_SAMPLES: usize = 8;
/// Most decoding steps.
pub const MAX_STEPS: usize = 64;
/// Strongest guidance.
pub const MAX_GUIDANCE: f64 = 10.0;
/// Highest temperature.
pub const MAX_TEMPERATURE: f64 = 10.0;
/// Lowest temperature: below it the divided logits leave what single precision can hold.
pub const MIN_TEMPERATURE: f64 = 0.001;
/// Clip length when the request names none, frames (3 s).
pub const DEFAULT_FRAMES: usize = 88;
/// Decoding steps when the request names none.
pub const DEFAULT_STEPS: usize = 20;
/// Guidance when the request names none.
pub const DEFAULT_GUIDANCE: f64 = 2.0;
/// Share of the codes left out when the request names none.
pub const DEFAULT_TOP_K_RATIO: f64 = 0.9;

/// A request that keeps every rule, and the model it is for (`None`: the default one).
#[derive(Clone, Debug, PartialEq)]
pub struct ValidRequest {
    /// Name of the model asked for.
    pub model: Option<String>,
    /// What to generate.
    pub work: GenerateRequest,
}

impl RawRequest {
    /// Apply every rule and default.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with the code `invalid_<field>`, or `frames_and_seconds`.
    pub fn validate(self) -> Result<ValidRequest> {
        let (prompt, frames) = (prompt(self.prompt.clone())?, frames(self.frames, self.seconds)?);
        self.about(prompt, frames)
    }

    /// Apply the rules of everything else, for a request of which prompt and length are known.
    pub(super) fn about(self, prompt: String, frames: usize) -> Result<ValidRequest> {
        let work = GenerateRequest {
            prompt,
            frames,
            seed: seed(self.seed)?,
            samples: whole(self.samples, 1, 1..=MAX_SAMPLES, "invalid_samples", "samples")?,
            steps: whole(self.steps, DEFAULT_STEPS, 1..=MAX_STEPS, "invalid_steps", "steps")?,
            guidance: real(
                self.guidance,
                DEFAULT_GUIDANCE,
                0.0..=MAX_GUIDANCE,
                "invalid_guidance",
                "guidance",
            )? as f32,
            top_k_ratio: top_k_ratio(self.top_k_ratio)?,
            temperature: real(
                self.temperature,
                1.0,
                MIN_TEMPERATURE..=MAX_TEMPERATURE,
                "invalid_temperature",
                "temperature",
            )? as f32,
            memory: match self.memory {
                None => None,
                share => Some(real(share, 0.0, 0.0..=1.0, "invalid_memory", "memory")? as f32),
            },
            foot_fix: self.foot_fix.unwrap_or(true),
            rigid: self.rigid.unwrap_or(true),
        };
        Ok(ValidRequest { model: model(self.model)?, work })
    }
}

pub(super) fn prompt(raw: Option<String>) -> Result<String> {
    let refused = |why: &str| Err(Error::invalid("invalid_prompt", why));
    let Some(raw) = raw else {
        return refused("prompt is missing: say in a sentence what the two people do");
    };
    let prompt = raw.trim();
    if prompt.is_empty() {
        return refused("prompt is empty: say in a sentence what the two people do");
    }
    if prompt.chars().nth(MAX_PROMPT).is_some() {
        return refused("prompt is too long: at most 1000 characters");
    }
    if prompt.chars().any(char::is_control) {
        return refused(
            "prompt holds control characters (such as line breaks or tabs): write it on one line",
        );
    }
    Ok(prompt.to_owned())
}

/// Length in frames, rounded down to whole tokens. A second is 30 frames.
fn frames(frames: Option<i128>, seconds: Option<f64>) -> Result<usize> {
    let asked = match (frames, seconds) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid("frames_and_seconds", "give frames or seconds, not both"));
        }
        (None, None) => return Ok(DEFAULT_FRAMES),
        (Some(frames), None) => usize::try_from(frames)
            .ok()
            .filter(|frames| (MIN_FRAMES..=MAX_FRAMES).contains(frames))
            .ok_or_else(|| {
                Error::invalid(
                    "invalid_frames",
                    format!("frames must be a whole number from {MIN_FRAMES} to {MAX_FRAMES}"),
                )
            })?,
        (None, Some(seconds)) => {
            // A length such as 2.8 s is not exact in binary: a millionth of a frame keeps it from losing one.
            let exact = seconds * f64::from(FPS) + 1e-6;
            if !(exact >= MIN_FRAMES as f64 && exact.floor() <= MAX_FRAMES as f64) {
                return Err(Error::invalid(
                    "invalid_seconds",
                    "seconds must be a number from 0.54 to 10 (16 to 300 frames at 30 frames a second)",
                ));
            }
            exact as usize
        }
    };
    Ok(asked / FRAMES_PER_TOKEN * FRAMES_PER_TOKEN)
}

fn seed(raw: Option<i128>) -> Result<u64> {
    let Some(raw) = raw else { return random::seed() };
    u64::try_from(raw).map_err(|_| {
        Error::invalid("invalid_seed", format!("seed must be a whole number from 0 to {}", u64::MAX))
    })
}

fn top_k_ratio(raw: Option<f64>) -> Result<f64> {
    let ratio = raw.unwrap_or(DEFAULT_TOP_K_RATIO);
    if (0.0..1.0).contains(&ratio) {
        Ok(ratio)
    } else {
        Err(Error::invalid(
            "invalid_top_k_ratio",
            "top_k_ratio must be at least 0 and less than 1 (0.9 keeps the likeliest tenth of the codes)",
        ))
    }
}

fn model(raw: Option<String>) -> Result<Option<String>> {
    match raw {
        Some(name) if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) => {
            Err(Error::invalid("invalid_model", "model must be the name of a model, or left out"))
        }
        name => Ok(name),
    }
}

pub(super) fn whole(
    raw: Option<i128>,
    default: usize,
    range: RangeInclusive<usize>,
    code: &'static str,
    name: &str,
) -> Result<usize> {
    let Some(raw) = raw else { return Ok(default) };
    usize::try_from(raw)
        .ok()
        .filter(|value| range.contains(value))
        .ok_or_else(|| out_of_range(code, name, "a whole number", &range))
}

pub(super) fn real(
    raw: Option<f64>,
    default: f64,
    range: RangeInclusive<f64>,
    code: &'static str,
    name: &str,
) -> Result<f64> {
    let value = raw.unwrap_or(default);
    // NaN is in no range.
    if range.contains(&value) { Ok(value) } else { Err(out_of_range(code, name, "a number", &range)) }
}

fn out_of_range<T: Display>(code: &'static str, name: &str, what: &str, range: &RangeInclusive<T>) -> Error {
    Error::invalid(code, format!("{name} must be {what} from {} to {}", range.start(), range.end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raw() -> RawRequest {
        RawRequest { prompt: Some("two people dance salsa".into()), ..RawRequest::default() }
    }

    fn code(raw: RawRequest) -> &'static str {
        raw.clone().validate().expect_err(&format!("{raw:?}")).code()
    }

    #[test]
    fn defaults_are_those_of_the_manual() {
        let ValidRequest { model, work } = raw().validate().unwrap();
        assert_eq!(model, None);
        assert!(work.seed < 1 << 53);
        assert_eq!(
            work,
            GenerateRequest {
                prompt: "two people dance salsa".into(),
                frames: 88,
                seed: work.seed,
                samples: 1,
                steps: 20,
                guidance: 2.0,
                top_k_ratio: 0.9,
                temperature: 1.0,
                memory: None,
                foot_fix: true,
                rigid: true
            }
        );
        assert_eq!(DEFAULT_FRAMES, (3.0 * FPS) as usize / FRAMES_PER_TOKEN * FRAMES_PER_TOKEN);
    }

    #[test]
    fn seeds_are_drawn_anew() {
        let drawn: std::collections::HashSet<_> =
            (0..8).map(|_| raw().validate().unwrap().work.seed).collect();
        assert_eq!(drawn.len(), 8);
    }

    #[test]
    fn prompts() {
        let with = |prompt: &str| RawRequest { prompt: Some(prompt.into()), ..raw() };
        assert_eq!(code(RawRequest::default()), "invalid_prompt");
        let long = "x".repeat(1001);
        for bad in ["", "  \n ", "a\0b", "a\nb", "a\u{1b}[31mb", "a\u{85}b", long.as_str()] {
            assert_eq!(code(with(bad)), "invalid_prompt", "{bad:?}");
        }
        assert_eq!(with("  they hug \n").validate().unwrap().work.prompt, "they hug");
        assert!(with(&"舞".repeat(1000)).validate().is_ok());
        assert!(with("<script>alert(1)</script> 🕺\u{200d}💃").validate().is_ok());
    }

    #[test]
    fn lengths() {
        let frames = |frames| RawRequest { frames: Some(frames), ..raw() };
        let seconds = |seconds| RawRequest { seconds: Some(seconds), ..raw() };
        for (asked, given) in [(16, 16), (19, 16), (90, 88), (299, 296), (300, 300)] {
            assert_eq!(frames(asked).validate().unwrap().work.frames, given);
        }
        for bad in [0, 15, 301, -1, i128::MAX, i128::MIN, u64::MAX.into()] {
            assert_eq!(code(frames(bad)), "invalid_frames", "{bad}");
        }
        for (asked, given) in [(0.54, 16), (2.8, 84), (3.0, 88), (4.0, 120), (4.4, 132), (10.0, 300)] {
            assert_eq!(seconds(asked).validate().unwrap().work.frames, given);
        }
        for bad in [0.0, -3.0, 0.5, 10.1, f64::NAN, f64::INFINITY, -f64::INFINITY, 1e308] {
            assert_eq!(code(seconds(bad)), "invalid_seconds", "{bad}");
        }
        assert_eq!(code(RawRequest { seconds: Some(3.0), ..frames(90) }), "frames_and_seconds");
    }

    #[test]
    fn numbers_out_of_range() {
        for bad in [-1, i128::from(u64::MAX) + 1] {
            assert_eq!(code(RawRequest { seed: Some(bad), ..raw() }), "invalid_seed");
        }
        for bad in [0, 9, 1_000_000, -1] {
            assert_eq!(code(RawRequest { samples: Some(bad), ..raw() }), "invalid_samples");
        }
        for bad in [0, 65, u64::MAX.into()] {
            assert_eq!(code(RawRequest { steps: Some(bad), ..raw() }), "invalid_steps");
        }
        for bad in [f64::NAN, -0.1, 10.1, 1e308] {
            assert_eq!(code(RawRequest { guidance: Some(bad), ..raw() }), "invalid_guidance");
        }
        for bad in [f64::NAN, -0.1, 1.0, 1e308] {
            assert_eq!(code(RawRequest { top_k_ratio: Some(bad), ..raw() }), "invalid_top_k_ratio");
        }
        for bad in [f64::NAN, 0.0, -1.0, 1e-300, 10.1] {
            assert_eq!(code(RawRequest { temperature: Some(bad), ..raw() }), "invalid_temperature");
        }
        for bad in [f64::NAN, -0.1, 1.1, 1e308] {
            assert_eq!(code(RawRequest { memory: Some(bad), ..raw() }), "invalid_memory");
        }
        for bad in [String::new(), "m".repeat(101), "m\n".into()] {
            assert_eq!(code(RawRequest { model: Some(bad), ..raw() }), "invalid_model");
        }
    }

    proptest! {
        #[test]
        fn what_passes_keeps_every_rule(
            prompt in ".*", frames in -20i128..400, steps in -5i128..100, samples in -2i128..12,
            guidance in proptest::num::f64::ANY, temperature in proptest::num::f64::ANY, ratio in proptest::num::f64::ANY,
        ) {
            let raw = RawRequest {
                prompt: Some(prompt), frames: Some(frames), steps: Some(steps), samples: Some(samples),
                guidance: Some(guidance.abs() % 20.0), temperature: Some(temperature.abs() % 20.0),
                top_k_ratio: Some(ratio % 2.0), memory: Some(ratio % 1.5), ..RawRequest::default()
            };
            if let Ok(ValidRequest { work, .. }) = raw.validate() {
                prop_assert!(work.frames % FRAMES_PER_TOKEN == 0 && (MIN_FRAMES..=MAX_FRAMES).contains(&work.frames));
                prop_assert!((1..=64).contains(&work.steps) && (1..=8).contains(&work.samples));
                prop_assert!((0.0..=10.0).contains(&work.guidance) && (0.0..1.0).contains(&work.top_k_ratio));
                prop_assert!(work.memory.is_none_or(|share| (0.0..=1.0).contains(&share)));
                prop_assert!(work.temperature > 0.0 && work.temperature <= 10.0);
                prop_assert!(!work.prompt.is_empty() && !work.prompt.chars().any(char::is_control));
            }
        }
    }
}
