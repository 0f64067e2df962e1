//! When is a computed quantity equal enough? The tolerance rules of the case schema, each of which can say no.

use anyhow::{Context, Result, bail, ensure};
use candle_core::{DType, Tensor};
use serde::Deserialize;
use std::fmt;

/// Numbers of one tensor, row-major, with enough precision to hold what any file stores.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    Floats(Vec<f64>),
    Ints(Vec<i64>),
}

/// A tensor ready to be compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    pub shape: Vec<usize>,
    pub values: Values,
}

impl Quantity {
    pub fn of(tensor: &Tensor) -> Result<Self> {
        let flat = tensor.flatten_all()?;
        let values = match tensor.dtype() {
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => {
                Values::Floats(flat.to_dtype(DType::F64)?.to_vec1()?)
            }
            // By way of i64, never of a float that would round large ids.
            DType::U8 => Values::Ints(flat.to_vec1::<u8>()?.into_iter().map(i64::from).collect()),
            DType::U32 => Values::Ints(flat.to_vec1::<u32>()?.into_iter().map(i64::from).collect()),
            DType::I64 => Values::Ints(flat.to_vec1()?),
            other => bail!("cannot compare tensors of type {other:?}"),
        };
        Ok(Self { shape: tensor.dims().to_vec(), values })
    }

    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    fn floats(&self, role: &str) -> Result<&[f64]> {
        match &self.values {
            Values::Floats(values) => Ok(values),
            Values::Ints(_) => bail!("{role} holds integers where real numbers belong"),
        }
    }

    fn ints(&self, role: &str) -> Result<&[i64]> {
        match &self.values {
            Values::Ints(values) => Ok(values),
            Values::Floats(_) => bail!("{role} holds real numbers where integers belong"),
        }
    }
}

/// Only this slice of the quantity is stored.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Select {
    pub axis: usize,
    pub start: usize,
    pub step: usize,
}

impl Select {
    /// Elements start, start+step, … along the axis.
    pub fn apply(&self, tensor: &Tensor) -> Result<Tensor> {
        ensure!(self.step > 0, "a slice needs a step of at least 1");
        ensure!(self.axis < tensor.rank(), "slice along axis {} of {:?}", self.axis, tensor.dims());
        let length = tensor.dims()[self.axis];
        let rows: Vec<u32> = (self.start..length).step_by(self.step).map(|i| i as u32).collect();
        let rows = Tensor::new(rows, tensor.device())?;
        Ok(tensor.contiguous()?.index_select(&rows, self.axis)?)
    }
}

/// How far a computed quantity may be from the expected one.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Tolerance {
    /// Largest absolute difference; 0 = equal.
    Absolute(f64),
    Rule(Rule),
    Mixed(Mixed),
}

/// |d| <= abs + rel·|expected| for every element, and ‖d‖ <= rel_l2·‖expected‖ where that is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixed {
    #[serde(default)]
    abs: f64,
    #[serde(default)]
    rel: f64,
    rel_l2: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// The first Adam step is lr·sign(g): `abs` where the own clipped gradient exceeds `grad_above`, `abs_else` elsewhere.
    AdamFirstStep { grad_above: f64, abs: f64, abs_else: f64 },
    /// Indices may differ only where the own `of` exceeds its value at the expected index by at most `gap`.
    ArgmaxGap { of: String, axis: usize, gap: f64 },
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absolute(0.0) => write!(f, "equal"),
            Self::Absolute(abs) => write!(f, "{abs:.0e}"),
            Self::Mixed(Mixed { abs, rel, rel_l2 }) => {
                write!(f, "{abs:.0e}")?;
                if *rel > 0.0 {
                    write!(f, " + {rel:.0e}|x|")?;
                }
                rel_l2.map_or(Ok(()), |bound| write!(f, ", L2 {bound:.0e}"))
            }
            Self::Rule(Rule::AdamFirstStep { abs, abs_else, .. }) => write!(f, "{abs:.0e} or {abs_else:.0e}"),
            Self::Rule(Rule::ArgmaxGap { gap, .. }) => write!(f, "equal or gap {gap:.0e}"),
        }
    }
}

/// What a comparison found.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Largest absolute difference; for indices how many differ.
    pub error: f64,
    /// Largest difference relative to what is allowed; above 1 = failed.
    pub strain: f64,
    /// Why it failed, in words; `None` = it holds.
    pub failure: Option<String>,
}

/// Compare under `tolerance`. `own` is the additional own quantity that a rule looks at (gradient, logits).
pub fn compare(
    expected: &Quantity,
    actual: &Quantity,
    tolerance: &Tolerance,
    own: Option<&Quantity>,
) -> Result<Verdict> {
    ensure!(
        expected.shape == actual.shape,
        "shape {:?} instead of the expected {:?}",
        actual.shape,
        expected.shape
    );
    match tolerance {
        Tolerance::Rule(Rule::ArgmaxGap { axis, gap, .. }) => {
            let own = own.context("the rule argmax_gap needs the quantity the arg-max was taken of")?;
            indices(expected, actual, own, *axis, *gap)
        }
        Tolerance::Rule(Rule::AdamFirstStep { grad_above, abs, abs_else }) => {
            let own = own.context("the rule adam_first_step needs the own gradient")?;
            ensure!(own.shape == expected.shape, "gradient {:?} for {:?}", own.shape, expected.shape);
            let gradient = own.floats("the gradient")?;
            elementwise(
                expected,
                actual,
                |i, _| if gradient[i].abs() > *grad_above { *abs } else { *abs_else },
            )
        }
        Tolerance::Absolute(abs) => match (&expected.values, &actual.values) {
            (Values::Ints(expected), Values::Ints(actual)) => integers(expected, actual, *abs),
            _ => elementwise(expected, actual, |_, _| *abs),
        },
        Tolerance::Mixed(Mixed { abs, rel, rel_l2 }) => {
            let mut verdict = elementwise(expected, actual, |_, x| abs + rel * x.abs())?;
            if let (None, Some(bound)) = (&verdict.failure, rel_l2) {
                let (x, y) = (expected.floats("the file")?, actual.floats("the result")?);
                let distance = x.iter().zip(y).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
                let allowed = bound * x.iter().map(|x| x * x).sum::<f64>().sqrt();
                verdict.strain = verdict.strain.max(strain(distance, allowed));
                if strain(distance, allowed) > 1.0 {
                    verdict.failure = Some(format!("L2 distance {distance:.3e}, allowed {allowed:.3e}"));
                }
            }
            Ok(verdict)
        }
    }
}

/// How much of the allowance is used up; 1 is all of it.
fn strain(error: f64, allowed: f64) -> f64 {
    match error {
        0.0 => 0.0,
        // Also where the allowance is infinite or not a number, as it is next to such expectations.
        error if error.is_finite() && allowed > 0.0 => error / allowed,
        _ => f64::INFINITY,
    }
}

/// Real numbers, each against its own bound. A NaN or infinity on either side fails.
fn elementwise(
    expected: &Quantity,
    actual: &Quantity,
    allowed: impl Fn(usize, f64) -> f64,
) -> Result<Verdict> {
    let pairs = expected.floats("the file")?.iter().zip(actual.floats("the result")?);
    let mut verdict = Verdict { error: 0.0, strain: 0.0, failure: None };
    let mut outside = 0_usize;
    let mut worst = String::new();
    for (i, (x, y)) in pairs.enumerate() {
        let difference = (x - y).abs();
        let error = if difference.is_finite() { difference } else { f64::INFINITY };
        let bound = allowed(i, *x);
        let strain = strain(error, bound);
        verdict.error = verdict.error.max(error);
        outside += usize::from(strain > 1.0);
        if strain > verdict.strain {
            verdict.strain = strain;
            worst =
                format!("{:?}: {y:e} instead of {x:e}, allowed {bound:.1e}", coordinates(i, &expected.shape));
        }
    }
    if outside > 0 {
        let all = expected.len();
        verdict.failure = Some(format!("{outside} of {all} elements outside; worst at {worst}"));
    }
    Ok(verdict)
}

fn integers(expected: &[i64], actual: &[i64], allowed: f64) -> Result<Verdict> {
    let mut verdict = Verdict { error: 0.0, strain: 0.0, failure: None };
    let mut wrong = 0_usize;
    let mut first = None;
    for (i, (x, y)) in expected.iter().zip(actual).enumerate() {
        let error = x.abs_diff(*y) as f64;
        verdict.error = verdict.error.max(error);
        verdict.strain = verdict.strain.max(strain(error, allowed));
        if error > allowed {
            wrong += 1;
            first.get_or_insert((i, *x, *y));
        }
    }
    if let Some((i, x, y)) = first {
        verdict.failure =
            Some(format!("{wrong} of {} integers differ; first at {i}: {y} instead of {x}", expected.len()));
    }
    Ok(verdict)
}

fn indices(expected: &Quantity, actual: &Quantity, own: &Quantity, axis: usize, gap: f64) -> Result<Verdict> {
    ensure!(axis < own.shape.len(), "axis {axis} of {:?}", own.shape);
    let mut without = own.shape.clone();
    let classes = without.remove(axis);
    ensure!(
        without == expected.shape,
        "arg-max over axis {axis} of {:?} for {:?}",
        own.shape,
        expected.shape
    );
    let inner: usize = own.shape[axis + 1..].iter().product();
    let of = own.floats("the quantity of the arg-max")?;
    let (expected, actual) = (expected.ints("the file")?, actual.ints("the result")?);
    let mut verdict = Verdict { error: 0.0, strain: 0.0, failure: None };
    for (i, (x, y)) in expected.iter().zip(actual).enumerate() {
        if x == y {
            continue;
        }
        verdict.error += 1.0;
        let at = |class: i64| {
            let class = usize::try_from(class).ok().filter(|class| *class < classes)?;
            Some(of[(i / inner * classes + class) * inner + i % inner])
        };
        let excess = match (at(*x), at(*y)) {
            (Some(at_expected), Some(at_actual)) => at_actual - at_expected,
            _ => f64::INFINITY,
        };
        verdict.strain = verdict.strain.max(strain(excess.abs(), gap));
        if excess > gap && verdict.failure.is_none() {
            verdict.failure = Some(format!(
                "index {i} is {y} instead of {x}, and exceeds it by {excess:.3e}, allowed {gap:.1e}"
            ));
        }
    }
    Ok(verdict)
}

/// Row-major coordinates of flat index `i`.
fn coordinates(mut i: usize, shape: &[usize]) -> Vec<usize> {
    let mut at = vec![0; shape.len()];
    for (axis, length) in shape.iter().enumerate().rev() {
        at[axis] = i % length;
        i /= length;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn floats(values: &[f64]) -> Quantity {
        Quantity { shape: vec![values.len()], values: Values::Floats(values.to_vec()) }
    }

    fn ints(values: &[i64]) -> Quantity {
        Quantity { shape: vec![values.len()], values: Values::Ints(values.to_vec()) }
    }

    fn tolerance(json: &str) -> Tolerance {
        serde_json::from_str(json).unwrap()
    }

    fn holds(expected: &Quantity, actual: &Quantity, json: &str, own: Option<&Quantity>) -> bool {
        let verdict = compare(expected, actual, &tolerance(json), own).unwrap();
        assert_eq!(verdict.failure.is_none(), verdict.strain <= 1.0, "{verdict:?}");
        verdict.failure.is_none()
    }

    #[test]
    fn a_number_bounds_the_largest_difference() {
        let x = floats(&[1.0, 100.0]);
        assert!(holds(&x, &floats(&[1.0001, 100.0]), "0.00011", None));
        assert!(!holds(&x, &floats(&[1.0, 100.0002]), "0.00011", None));
    }

    #[test]
    fn zero_means_equal() {
        assert!(holds(&floats(&[0.5]), &floats(&[0.5]), "0", None));
        assert!(!holds(&floats(&[0.5]), &floats(&[0.5 + 1e-12]), "0", None));
        assert!(holds(&ints(&[3, -1]), &ints(&[3, -1]), "0", None));
        assert!(!holds(&ints(&[3, -1]), &ints(&[3, 0]), "0", None));
    }

    #[test]
    fn not_a_number_never_passes() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for rule in ["1e9", r#"{"abs": 1e9, "rel": 1e9, "rel_l2": 1e9}"#] {
                assert!(!holds(&floats(&[1.0, 2.0]), &floats(&[bad, 2.0]), rule, None));
                assert!(!holds(&floats(&[1.0, bad]), &floats(&[1.0, bad]), rule, None));
            }
        }
        assert!(!holds(&floats(&[f64::NAN]), &floats(&[f64::NAN]), "0", None));
    }

    #[test]
    fn shapes_and_kinds_must_agree() {
        let rule = tolerance("1e9");
        assert!(compare(&floats(&[1.0]), &floats(&[1.0, 1.0]), &rule, None).is_err());
        assert!(compare(&floats(&[1.0]), &ints(&[1]), &rule, None).is_err());
        assert!(compare(&ints(&[1]), &floats(&[1.0]), &rule, None).is_err());
    }

    #[test]
    fn absolute_and_relative_parts_add_up() {
        let rule = r#"{"abs": 1e-3, "rel": 1e-2}"#;
        let x = floats(&[10.0, 0.0]);
        assert!(holds(&x, &floats(&[10.1, 0.001]), rule, None));
        assert!(!holds(&x, &floats(&[10.102, 0.0]), rule, None));
        assert!(!holds(&x, &floats(&[10.0, 0.0011]), rule, None));
    }

    #[test]
    fn the_l2_bound_comes_in_addition() {
        let x = floats(&[1.0, 1.0]);
        let rule = r#"{"abs": 1e-2, "rel_l2": 1e-3}"#;
        assert!(holds(&x, &floats(&[1.001, 1.0]), rule, None));
        assert!(!holds(&x, &floats(&[1.002, 1.0]), rule, None), "within abs, but not within L2");
        assert!(!holds(&x, &floats(&[1.02, 1.0]), r#"{"abs": 1e-2, "rel_l2": 1}"#, None));
    }

    #[test]
    fn the_first_adam_step_is_strict_where_the_gradient_is_large() {
        let rule = r#"{"rule": "adam_first_step", "grad_above": 1e-6, "abs": 2e-5, "abs_else": 4e-4}"#;
        let (x, off) = (floats(&[1.0, 1.0]), floats(&[1.0, 1.0 + 3e-4]));
        assert!(holds(&x, &off, rule, Some(&floats(&[1.0, -1e-7]))));
        assert!(!holds(&x, &off, rule, Some(&floats(&[1.0, -1e-3]))));
        assert!(!holds(&x, &floats(&[1.0, 1.0 + 5e-4]), rule, Some(&floats(&[1.0, 0.0]))));
        assert!(compare(&x, &off, &tolerance(rule), None).is_err(), "no gradient, no verdict");
    }

    #[test]
    fn indices_may_differ_only_within_the_gap() {
        let rule = r#"{"rule": "argmax_gap", "of": "logits", "axis": 1, "gap": 1e-3}"#;
        // Two batch items, three classes, two positions.
        let own = Quantity {
            shape: vec![2, 3, 2],
            values: Values::Floats(vec![0.0, 1.0, 5.0, 0.0, 4.9995, 0.0, 0.0, 1.0, 2.0, 0.0, 1.0, 0.0]),
        };
        let at = |values: [i64; 4]| Quantity { shape: vec![2, 2], values: Values::Ints(values.to_vec()) };
        let own_indices = at([1, 0, 1, 0]);
        assert!(holds(&own_indices, &own_indices, rule, Some(&own)));
        assert!(holds(&at([2, 0, 1, 0]), &own_indices, rule, Some(&own)), "0.0005 apart");
        assert!(!holds(&at([0, 0, 1, 0]), &own_indices, rule, Some(&own)), "5 apart");
        assert!(!holds(&at([1, 0, 2, 0]), &own_indices, rule, Some(&own)), "1 apart, second batch item");
        assert!(!holds(&at([1, 0, 7, 0]), &own_indices, rule, Some(&own)), "no such class");
    }

    #[test]
    fn a_slice_is_taken_along_its_axis() {
        let x = Tensor::arange(0f32, 12.0, &Device::Cpu).unwrap().reshape((2, 6)).unwrap();
        let slice: Select = serde_json::from_str(r#"{"axis": 1, "start": 1, "step": 2}"#).unwrap();
        let taken = slice.apply(&x).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(taken, [[1.0, 3.0, 5.0], [7.0, 9.0, 11.0]]);
        assert!(Select { axis: 2, start: 0, step: 1 }.apply(&x).is_err());
        assert!(Select { axis: 0, start: 0, step: 0 }.apply(&x).is_err());
    }

    #[test]
    fn an_unknown_rule_is_an_error() {
        for json in [r#"{"rule": "close_enough"}"#, r#"{"abs": 1, "loosely": 2}"#, r#""small""#] {
            assert!(serde_json::from_str::<Tolerance>(json).is_err(), "{json}");
        }
    }
}
