//! Arguments of a quantity, typed.

use super::inputs::Args;
use anyhow::{Context, Result};
use serde_json::Value;

fn typed<'a, T>(args: &'a Args, name: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<T> {
    let value = args.get(name).with_context(|| format!("the quantity names no {name:?}"))?;
    read(value).with_context(|| format!("{name}={value} is not of the type needed"))
}

pub fn usize(args: &Args, name: &str) -> Result<usize> {
    typed(args, name, |value| value.as_u64().and_then(|value| usize::try_from(value).ok()))
}

pub fn f64(args: &Args, name: &str) -> Result<f64> {
    typed(args, name, Value::as_f64)
}

pub fn bool(args: &Args, name: &str) -> Result<bool> {
    typed(args, name, Value::as_bool)
}

pub fn str<'a>(args: &'a Args, name: &str) -> Result<&'a str> {
    typed(args, name, Value::as_str)
}

/// The person a quantity is about, as an index: the schema counts from 1.
pub fn person(args: &Args) -> Result<usize> {
    let person = usize(args, "person")?;
    (1..=2).contains(&person).then(|| person - 1).with_context(|| format!("no person {person}"))
}
