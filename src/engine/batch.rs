//! Several requests in one body, each judged by itself.

use super::raw::{Entries, RawRequest, not_json};
use super::{Engine, ValidRequest};
use crate::error::{Error, Result};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Most requests in one batch.
pub const MAX_BATCH: usize = 32;
/// Most samples in one batch, over all its requests: answers are kept in memory until they are fetched.
pub const MAX_BATCH_SAMPLES: usize = 64;

const EXAMPLE: &str =
    "{\"requests\": [{\"prompt\": \"two people dance salsa\"}, {\"prompt\": \"they bow\"}]}";

/// Read the JSON body of `POST /generate/batch`: what each member asks for, or why it is refused.
///
/// # Errors
/// `invalid_json` when the body is no JSON, `invalid_requests` when it is not an object with a list of 1 to [`MAX_BATCH`]
/// requests, of no more than [`MAX_BATCH_SAMPLES`] samples, and nothing else.
pub fn read(engine: &Engine, body: &[u8]) -> Result<Vec<Result<ValidRequest>>> {
    let refused = |why: String| Err(Error::invalid("invalid_requests", why));
    let Batch(members) = match serde_json::from_slice(body) {
        Ok(batch) => batch,
        Err(error) if error.is_data() => {
            return refused(format!("the body must be a JSON object with a list of requests: {EXAMPLE}"));
        }
        Err(error) => return Err(not_json(&error)),
    };
    if !(1..=MAX_BATCH).contains(&members.len()) {
        return refused(format!("a batch has 1 to {MAX_BATCH} requests, this one has {}", members.len()));
    }
    let members: Vec<_> = members.into_iter().map(|Member(member)| judge(engine, member)).collect();
    let samples: usize = members.iter().flatten().map(|member| member.work.samples).sum();
    if samples > MAX_BATCH_SAMPLES {
        return refused(format!(
            "a batch has at most {MAX_BATCH_SAMPLES} samples, this one asks for {samples}"
        ));
    }
    Ok(members)
}

fn judge(engine: &Engine, member: Option<Entries>) -> Result<ValidRequest> {
    let entries = member.ok_or_else(|| {
        let message = "a request must be a JSON object such as {\"prompt\": \"two people dance salsa\"}";
        Error::invalid("invalid_json", message)
    })?;
    engine.filled(RawRequest::from_entries(entries)?).validate()
}

struct Batch(Vec<Member>);

/// An object, or `None` for anything else.
struct Member(Option<Entries>);

impl<'de> Deserialize<'de> for Batch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Whole;
        impl<'de> Visitor<'de> for Whole {
            type Value = Batch;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object with a list of requests")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Batch, A::Error> {
                let mut requests = None;
                while let Some(name) = map.next_key::<String>()? {
                    if name != "requests" || requests.is_some() {
                        return Err(A::Error::custom("requests, once, and nothing else"));
                    }
                    requests = Some(map.next_value()?);
                }
                requests.map(Batch).ok_or_else(|| A::Error::missing_field("requests"))
            }
        }
        deserializer.deserialize_map(Whole)
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Member;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("any JSON")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Member, A::Error> {
                Entries::of(map).map(|entries| Member(Some(entries)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Member, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Member(None))
            }

            fn visit_bool<E>(self, _: bool) -> std::result::Result<Member, E> {
                Ok(Member(None))
            }

            fn visit_i64<E>(self, _: i64) -> std::result::Result<Member, E> {
                Ok(Member(None))
            }

            fn visit_u64<E>(self, _: u64) -> std::result::Result<Member, E> {
                Ok(Member(None))
            }

            fn visit_f64<E>(self, _: f64) -> std::result::Result<Member, E> {
                Ok(Member(None))
            }

            fn visit_str<E>(self, _: &str) -> std::result::Result<Member, E> {
                Ok(Member(None))
            }

            fn visit_unit<E>(self) -> std::result::Result<Member, E> {
                Ok(Member(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::{Control, LIMITS};
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn read(body: &[u8]) -> Result<Vec<Result<ValidRequest>>> {
        let spec = Arc::new(Control::default()).spec("fake");
        super::read(&Engine::start(vec![spec], None, LIMITS).unwrap(), body)
    }

    fn code(body: &str) -> &'static str {
        read(body.as_bytes()).map(|_| ()).expect_err(body).code()
    }

    #[test]
    fn every_member_is_judged_alone() {
        let body = r#"{"requests":[{"prompt":"walk","seed":7},{"prompt":"a","prompt":"b"},{"steps":3},7,
            [{"prompt":"a"}],null,"walk",1.5,true,{"prompt":"b","n":1},{"prompt":"bow","samples":2}]}"#;
        let members = read(body.as_bytes()).unwrap();
        let codes: Vec<_> =
            members.iter().map(|member| member.as_ref().map_or_else(Error::code, |_| "fine")).collect();
        let mut expected = vec!["fine", "duplicate_field", "invalid_prompt"];
        expected.extend(["invalid_json"; 6]);
        expected.extend(["unknown_field", "fine"]);
        assert_eq!(codes, expected);
        let alone = RawRequest::from_json(br#"{"prompt":"walk","seed":7}"#).unwrap().validate().unwrap();
        assert_eq!(members[0].as_ref().unwrap(), &alone);
    }

    #[test]
    fn the_whole_is_bounded() {
        let many = |count: usize, member: Value| json!({ "requests": vec![member; count] }).to_string();
        assert!(read(many(MAX_BATCH, json!({"prompt": "a"})).as_bytes()).is_ok());
        assert_eq!(code(&many(MAX_BATCH + 1, json!({"prompt": "a"}))), "invalid_requests");
        assert!(read(many(8, json!({"prompt": "a", "samples": 8})).as_bytes()).is_ok());
        assert_eq!(code(&many(9, json!({"prompt": "a", "samples": 8}))), "invalid_requests");
        for bad in [
            "{}",
            "[]",
            "7",
            "null",
            "{\"requests\":[]}",
            "{\"requests\":{}}",
            "{\"requests\":null}",
            "{\"requests\":[{}],\"n\":1}",
            "{\"requests\":[{}],\"requests\":[{}]}",
        ] {
            assert_eq!(code(bad), "invalid_requests", "{bad}");
        }
        for bad in ["", "{", "{\"requests\":[{]}", "{\"requests\":[{\"prompt\":\"\\ud800\"}]}"] {
            assert_eq!(code(bad), "invalid_json", "{bad}");
        }
        assert_eq!(code(&format!("{{\"requests\":{}", "[".repeat(60_000))), "invalid_json");
    }
}
