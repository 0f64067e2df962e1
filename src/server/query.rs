//! What stands behind the `?` of an address.

use super::problem::Problem;
use axum::extract::Query;
use axum::http::{StatusCode, Uri};

/// The values of the names `known`, each of which may be there once; no other name may.
///
/// # Errors
/// `unknown_field`, `duplicate_field`.
pub fn read<const N: usize>(uri: &Uri, known: [&str; N]) -> Result<[Option<String>; N], Problem> {
    let refused = |code, message: String| Problem::new(StatusCode::BAD_REQUEST, code, message);
    let names = known.join(", ");
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| refused("unknown_field", format!("what can be asked of this address is {names}")))?;
    let mut values = [const { None }; N];
    for (name, value) in pairs {
        let Some(place) = known.iter().position(|other| *other == name) else {
            return Err(refused("unknown_field", format!("what can be asked of this address is {names}")));
        };
        if values[place].replace(value).is_some() {
            return Err(refused("duplicate_field", format!("{} is given twice", known[place])));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_stands_there_is_read_or_refused(query in "[a-z0-9=&%+;.,/?!~-]{0,40}|((limit|before|x)=?%?[0-9a-f]{0,3}&?){0,4}") {
            if let Ok(uri) = format!("/a?{query}").parse::<Uri>()
                && let Ok(values) = read(&uri, ["limit", "before"])
            {
                let read: usize = values.iter().flatten().map(String::len).sum();
                prop_assert!(read <= query.len());
            }
        }

        #[test]
        fn values_come_as_they_were_meant(limit in ".{0,20}", before in prop::option::of(".{0,20}")) {
            let escaped = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
            let more = before.as_ref().map_or(String::new(), |before| format!("&before={}", escaped(before)));
            let uri: Uri = format!("/a?limit={}{more}", escaped(&limit)).parse().unwrap();
            prop_assert_eq!(read(&uri, ["limit", "before"]).unwrap(), [Some(limit), before]);
        }
    }

    #[test]
    fn names_are_known_and_come_once() {
        let ask = |query: &str| read(&format!("/a{query}").parse().unwrap(), ["format", "preview"]);
        assert_eq!(ask("").unwrap(), [None, None]);
        assert_eq!(ask("?").unwrap(), [None, None]);
        assert_eq!(ask("?preview=4&format=n%70z").unwrap(), [Some("npz".into()), Some("4".into())]);
        for bad in ["?x=1", "?Format=npz", "?format=a&format=a", "?format=a&x"] {
            assert!(ask(bad).is_err(), "{bad}");
        }
    }
}
