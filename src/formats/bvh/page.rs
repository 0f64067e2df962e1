//! The page shows BVH files without asking the server: what it knows of them is what is known here.

use super::rate::COMMON;
use super::size::{LEG, SAME, UNITS};
use super::{Axis, BUILTIN_MAPPINGS, Mapping};
use serde_json::{Value, json};

const TABLE: &str = include_str!("../../../static/mappings.js");

/// The value of a constant of the page.
fn constant(name: &str) -> Value {
    let (_, value) = TABLE.split_once(&format!("export const {name} = ")).unwrap();
    serde_json::from_str(value.split_once(";\n").unwrap().0).unwrap()
}

/// The nodes of a joint: of a mean of several a list.
fn nodes(parts: &[(String, f64)]) -> Value {
    assert!(parts.iter().all(|(_, weight)| *weight == parts[0].1), "the page weighs all alike: {parts:?}");
    match parts {
        [(name, _)] => json!(name),
        _ => parts.iter().map(|(name, _)| json!(name)).collect(),
    }
}

#[test]
fn the_page_has_the_same_mappings() {
    let ours: Vec<_> = BUILTIN_MAPPINGS
        .iter()
        .map(|(name, _)| {
            let mapping = Mapping::builtin(name).unwrap();
            let y_up = [(Axis::X, 1.0), (Axis::Y, 1.0), (Axis::Z, 1.0)];
            assert_eq!(mapping.axes, y_up, "the page turns no axes: {name}");
            let releases: Vec<_> = (mapping.releases.iter())
                .map(|known| json!({"leg": known.leg, "scale": known.scale, "drop": known.drop}))
                .collect();
            json!({
                "name": name, "scale": mapping.scale, "drop": mapping.drop, "releases": releases,
                "joints": mapping.joints.iter().map(|parts| nodes(parts)).collect::<Vec<_>>(),
            })
        })
        .collect();
    let page = constant("MAPPINGS");
    for (page, ours) in page.as_array().unwrap().iter().zip(&ours) {
        assert_eq!(page, ours);
    }
    assert_eq!(page.as_array().unwrap().len(), ours.len());
}

#[test]
fn the_page_has_the_same_units_and_rates() {
    let numbers = |name: &str| -> Vec<f64> { serde_json::from_value(constant(name)).unwrap() };
    assert_eq!(numbers("UNITS"), UNITS);
    assert_eq!(numbers("LEG"), [LEG.start, LEG.end]);
    assert_eq!(numbers("RATES"), COMMON);
    assert_eq!(constant("SAME"), SAME);
}
