//! What form an answer takes: JSON, or one of the files that hold a whole motion.

use super::problem::Problem;
use super::query;
use crate::formats::MotionFile;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode, Uri};

/// The forms of an answer with one motion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The usual.
    Json,
    /// The file of the only sample.
    File(MotionFile),
}

/// What `?format=` and `Accept` call them, what is preferred first.
const FORMS: [(&str, &str, Form); 3] = [
    ("json", "application/json", Form::Json),
    ("npz", "application/x-npz", Form::File(MotionFile::Npz)),
    ("glb", "model/gltf-binary", Form::File(MotionFile::Glb)),
];

impl Form {
    /// What a request asks for: by `?format=`, which needs no header, else by `Accept`. JSON where neither says anything that
    /// is known here.
    ///
    /// # Errors
    /// `invalid_format`, `unknown_field`, `duplicate_field`.
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Result<Self, Problem> {
        let [format] = query::read(uri, ["format"])?;
        let Some(format) = format else { return Ok(accepted(headers)) };
        FORMS.iter().find(|(name, ..)| *name == format).map(|(.., form)| *form).ok_or_else(|| {
            refused(
                "format is json, npz or glb; npy and BVH files hold a person each and are fetched by their addresses",
            )
        })
    }

    /// Files hold one sample.
    ///
    /// # Errors
    /// `invalid_format`.
    pub fn holds(self, samples: usize) -> Result<(), Problem> {
        if self == Self::Json || samples == 1 {
            return Ok(());
        }
        Err(refused("a file holds one sample: ask for samples 1, or fetch the files by their addresses"))
    }

    /// What the answer says it is.
    pub fn media_type(self) -> &'static str {
        FORMS
            .iter()
            .find(|(.., form)| *form == self)
            .map_or("application/octet-stream", |(_, media, _)| *media)
    }
}

fn refused(message: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_format", message)
}

/// The form that `Accept` likes best, the first of those it likes equally.
fn accepted(headers: &HeaderMap) -> Form {
    let mut best = (0, Form::Json);
    for (_, media, form) in FORMS {
        let liking = liking(headers, media);
        if liking > best.0 {
            best = (liking, form);
        }
    }
    best.1
}

/// Thousandths of how much `Accept` likes a media type: what its most specific range says.
pub fn liking(headers: &HeaderMap, media: &str) -> u32 {
    let mut found = (0, 0);
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let specific = match name {
            "*/*" => 1,
            _ if name.eq_ignore_ascii_case(media) => 3,
            _ => match (name.strip_suffix("/*"), media.split_once('/')) {
                (Some(asked), Some((kind, _))) if asked.eq_ignore_ascii_case(kind) => 2,
                _ => continue,
            },
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let quality = quality.map_or(1.0, |quality| quality.parse::<f32>().unwrap_or(0.0));
        if specific >= found.0 {
            found = (specific, (quality.clamp(0.0, 1.0) * 1000.0) as u32);
        }
    }
    found.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_accepted_something_is_given(
            noise in "[ -~]{0,60}", ranges in "((application|model|\\*)/(json|x-npz|\\*)(;[qQ]=-?[0-9.e]{0,5})?, ?){0,4}",
        ) {
            for accept in [noise, ranges] {
                prop_assert!(of("", &accept).is_ok(), "{}", accept);
                let mut headers = HeaderMap::new();
                headers.insert(ACCEPT, accept.parse().unwrap());
                prop_assert!(FORMS.iter().all(|(_, media, _)| liking(&headers, media) <= 1000));
            }
        }

        #[test]
        fn what_is_no_text_is_passed_over(noise in prop::collection::vec(0x80u8.., 1..40)) {
            let mut headers = HeaderMap::new();
            headers.append(ACCEPT, HeaderValue::from_bytes(&noise).unwrap());
            prop_assert_eq!(accepted(&headers), Form::Json);
            headers.append(ACCEPT, HeaderValue::from_static("model/gltf-binary"));
            prop_assert_eq!(accepted(&headers), GLB);
        }

        #[test]
        fn a_format_is_one_of_the_three_or_refused(name in "json|npz|glb|npy|bvh|[a-zA-Z0-9.]{0,5}") {
            let known = FORMS.iter().find(|(known, ..)| *known == name).map(|(.., form)| *form);
            prop_assert_eq!(of(&format!("?format={name}"), "").ok(), known);
        }
    }

    const NPZ: Form = Form::File(MotionFile::Npz);
    const GLB: Form = Form::File(MotionFile::Glb);

    fn of(query: &str, accept: &str) -> Result<Form, Problem> {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(ACCEPT, accept.parse().unwrap());
        }
        Form::of(&format!("/generate{query}").parse().unwrap(), &headers)
    }

    #[test]
    fn what_is_asked_for_is_what_is_given() {
        for (query, accept, expected) in [
            ("", "", Form::Json),
            ("", "*/*", Form::Json),
            ("", "text/html", Form::Json),
            ("", "application/x-npz", NPZ),
            ("", "Application/X-NPZ, application/json;q=0.5", NPZ),
            ("", "application/json, application/x-npz", Form::Json),
            ("", "application/*;q=0.2, model/gltf-binary", GLB),
            ("", "model/*", GLB),
            ("", "application/json;q=0, */*", NPZ),
            ("", "application/x-npz;q=nonsense", Form::Json),
            ("", "application/x-npz;q=NaN, ,;,=", Form::Json),
            ("?format=npz", "", NPZ),
            ("?format=json", "application/x-npz", Form::Json),
            ("?format=glb", "application/x-npz", GLB),
        ] {
            assert_eq!(
                of(query, accept).unwrap_or_else(|_| panic!("{query} {accept}")),
                expected,
                "{query} {accept}"
            );
        }
        for bad in ["?format=bvh", "?format=", "?format=../npz", "?format=npz&format=npz", "?fromat=npz"] {
            assert!(of(bad, "").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_holds_one_sample() {
        assert!(Form::Json.holds(8).is_ok() && NPZ.holds(1).is_ok() && NPZ.holds(2).is_err());
        assert_eq!((NPZ.media_type(), GLB.media_type()), ("application/x-npz", "model/gltf-binary"));
    }
}
