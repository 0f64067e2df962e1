//! Trainable parameters with reproducible initial values.

use crate::rng::CounterRng;
use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Named variables of a model under training. Cheap to clone; clones share the variables.
///
/// A variable asked for by a model is made on first use: from `initial` where that has the name, else by the layer's
/// own initialisation with random numbers keyed by (seed, name), so that neither build order nor platform matters.
#[derive(Clone)]
pub struct Params {
    vars: Arc<Mutex<BTreeMap<String, Var>>>,
    initial: Arc<HashMap<String, Tensor>>,
    seed: u64,
    device: Device,
}

impl Params {
    /// No variables yet.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self::from_tensors(HashMap::new(), seed, device)
    }

    /// Variables start from `initial` (checkpoints); names it lacks are initialised.
    pub fn from_tensors(initial: HashMap<String, Tensor>, seed: u64, device: &Device) -> Self {
        Self { vars: Arc::default(), initial: Arc::new(initial), seed, device: device.clone() }
    }

    /// A builder that makes every tensor a variable of this set.
    pub fn builder(&self) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), DType::F32, self.device.clone())
    }

    /// All variables, by name.
    pub fn vars(&self) -> BTreeMap<String, Var> {
        self.vars.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fresh(&self, name: &str, shape: &Shape, init: Init) -> Result<Tensor> {
        let n = shape.elem_count();
        let rng = CounterRng::new(self.seed, "init").fork(name);
        let values: Vec<f32> = match init {
            Init::Const(c) => vec![c as f32; n],
            Init::Uniform { lo, up } => {
                (0..n).map(|i| (lo + (up - lo) * f64::from(rng.uniform_at(i as u64))) as f32).collect()
            }
            Init::Randn { mean, stdev } => {
                (0..n).map(|i| (mean + stdev * f64::from(rng.normal_at(i as u64))) as f32).collect()
            }
            Init::Kaiming { .. } => {
                candle_core::bail!("{name}: this initialisation is not reproducible; state a distribution")
            }
        };
        Tensor::from_vec(values, shape.clone(), &self.device)
    }
}

impl SimpleBackend for Params {
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, _dev: &Device) -> Result<Tensor> {
        if let Some(var) = self.vars.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            if var.shape() != &shape {
                candle_core::bail!("{name} has shape {:?}, the model needs {shape:?}", var.shape());
            }
            return Ok(var.as_tensor().clone());
        }
        let value = match self.initial.get(name) {
            Some(t) if t.shape() == &shape => t.to_dtype(dtype)?.to_device(&self.device)?,
            Some(t) => candle_core::bail!("{name} has shape {:?}, the model needs {shape:?}", t.shape()),
            None => self.fresh(name, &shape, init)?,
        };
        let var = Var::from_tensor(&value)?;
        let tensor = var.as_tensor().clone();
        self.vars.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), var);
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _dtype: DType, _dev: &Device) -> Result<Tensor> {
        match self.vars.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            Some(var) => Ok(var.as_tensor().clone()),
            None => candle_core::bail!("no variable {name}"),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.initial.contains_key(name)
            || self.vars.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }
}
