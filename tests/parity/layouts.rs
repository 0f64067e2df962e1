//! Kinds `hub_layout` and `official_layout`: option files; importing a package and generating from it.

use super::inputs::{Args, Inputs};
use super::runner::Quantities;
use anyhow::{Context, Result, bail};
use candle_core::Tensor;
use duet::package::import::options::{Options, parse_options};
use serde_json::Value;
use std::collections::BTreeMap;

struct Parsed(BTreeMap<String, Options>);

pub fn options(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let files = inputs.params.below("options")?;
    let mut parsed = BTreeMap::new();
    for name in files.names() {
        let path = inputs.path(files.str(name)?);
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        parsed.insert(name.clone(), parse_options(&text)?);
    }
    Ok(Box::new(Parsed(parsed)))
}

impl Quantities for Parsed {
    fn quantity(&self, what: &str, _args: &Args) -> Result<Tensor> {
        bail!("unknown quantity {what:?}")
    }

    fn value(&self, key: &str) -> Result<Value> {
        let options = self.0.get(key).with_context(|| format!("no option file {key:?}"))?;
        Ok(serde_json::to_value(options)?)
    }
}
