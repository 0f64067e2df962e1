//! A window into a forward pass, for parity tests: the model shows named intermediate tensors, the probe may keep them.

use candle_core::Tensor;
use std::collections::HashMap;

/// Receives intermediate tensors by name while a model runs.
pub trait Probe {
    /// Called with each intermediate quantity; names are documented at the model's `forward`.
    fn see(&mut self, name: &str, value: &Tensor);
}

/// Looks at nothing; costs nothing.
impl Probe for () {
    fn see(&mut self, _name: &str, _value: &Tensor) {}
}

/// Keeps everything it is shown.
#[derive(Default)]
pub struct Recorder(pub HashMap<String, Tensor>);

impl Probe for Recorder {
    fn see(&mut self, name: &str, value: &Tensor) {
        self.0.insert(name.to_owned(), value.clone());
    }
}
