//! Runs a case: opens each item, has the library compute what is expected, compares, and keeps going after a failure.

use super::case::{Case, CheckpointAfter, Item, Role, TensorSpec, label};
use super::compare::{Quantity, Rule, Tolerance, Verdict, compare};
use super::inputs::{Args, Inputs, Text};
use super::report::Report;
use super::tasks::{self, Task};
use anyhow::{Context, Result, anyhow, bail, ensure};
use candle_core::Tensor;
use serde_json::{Map, Value};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Everything one run of the library can be asked for, by the quantities' names in the schema.
pub trait Quantities {
    /// The computed tensor `what`; an error for a name that is not known.
    fn quantity(&self, what: &str, args: &Args) -> Result<Tensor>;

    /// A computed value that is not a tensor (`expect`, `expect_file`).
    fn value(&self, key: &str) -> Result<Value> {
        bail!("unknown value {key:?}")
    }

    /// Token ids of a text before start and end tokens and truncation.
    fn text_ids(&self, _text: &str) -> Result<Vec<u32>> {
        bail!("this task does not tokenise")
    }

    /// Own clipped gradient of a trained parameter.
    fn clipped_gradient(&self, param: &str) -> Result<Tensor> {
        bail!("no gradient of {param:?} here")
    }
}

/// Run the case at `file`; `name` is what the report calls it.
pub fn run_case(file: &Path, name: &str, report: &mut Report) {
    let case = match Case::read(file) {
        Ok(case) => case,
        Err(error) => return report.fail(name, "", "", "the case itself", &error),
    };
    for asset in &case.assets {
        if !tasks::has_asset(asset) {
            report.absent_asset(name, asset);
        }
    }
    if case.items.is_empty() {
        report.fail(name, "", "", "the case itself", &anyhow!("it has no items"));
    }
    for item in &case.items {
        let mut row = Rows { case: name, item, report };
        match tasks::find(&case.kind, &item.task) {
            Some(Task::Built(build)) => {
                let before = row.report.checks();
                if let Err(error) = guarded(|| run_item(&case, item, build, &mut row)) {
                    row.fail("the item itself", &error);
                } else if row.report.checks() == before {
                    row.fail("the item itself", &anyhow!("it checks nothing"));
                }
            }
            Some(Task::NotBuilt) => row.report.not_built(name, &case.kind, &case.title, item),
            None => row.fail("the item itself", &anyhow!("kind {:?} has no such task", case.kind)),
        }
    }
}

/// Where the results of one item go.
struct Rows<'a> {
    case: &'a str,
    item: &'a Item,
    report: &'a mut Report,
}

impl Rows<'_> {
    fn verdict(&mut self, what: &str, label: &str, tolerance: &Tolerance, verdict: Result<Verdict>) {
        match verdict {
            Ok(verdict) => {
                self.report.check(self.case, self.item, what, label, &tolerance.to_string(), &verdict)
            }
            Err(error) => self.fail(label, &error),
        }
    }

    fn same<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: &str,
        label: &str,
        expected: &T,
        actual: Result<T>,
    ) {
        let verdict = actual.map(|actual| {
            let equal = *expected == actual;
            let failure = (!equal).then(|| format!("{actual:?} instead of {expected:?}"));
            let error = f64::from(u8::from(!equal));
            Verdict { error, strain: if equal { 0.0 } else { f64::INFINITY }, failure }
        });
        self.verdict(what, label, &Tolerance::Absolute(0.0), verdict);
    }

    fn fail(&mut self, what: &str, error: &anyhow::Error) {
        self.report.fail(self.case, &self.item.id, &self.item.task, what, error);
    }
}

/// A panic of the library is a failure of one quantity, not the end of the run.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(anyhow!("panicked: {text}"))
    })
}

fn run_item(case: &Case, item: &Item, build: tasks::Build, rows: &mut Rows<'_>) -> Result<()> {
    let inputs = Inputs::open(case, item)?;
    let own = build(&inputs)?;
    let own = own.as_ref();
    for (index, spec) in item.tensors.iter().enumerate().filter(|(_, spec)| spec.role == Role::Expected) {
        let tolerance = spec.tol.as_ref().with_context(|| format!("{:?} has no tolerance", spec.name))?;
        let verdict = guarded(|| check_tensor(inputs.own_tensor(index), own, spec, tolerance));
        rows.verdict(&spec.what, &spec.label(), tolerance, verdict);
    }
    for (key, expected) in item.expect.iter().flatten() {
        rows.same("expect", key, expected, guarded(|| own.value(key)));
    }
    if let Some(file) = &item.expect_file {
        let text =
            std::fs::read_to_string(inputs.path(file)).with_context(|| format!("cannot read {file}"))?;
        let expected: Map<String, Value> = serde_json::from_str(&text)?;
        ensure!(!expected.is_empty(), "{file} expects nothing");
        for (key, expected) in &expected {
            rows.same("expect_file", key, expected, guarded(|| own.value(key)));
        }
    }
    for Text { text, ids } in inputs.texts()?.unwrap_or_default() {
        if let Some(ids) = ids {
            rows.same("text_ids", &format!("ids of {text:?}"), &ids, guarded(|| own.text_ids(&text)));
        }
    }
    if let Some(after) = &item.checkpoint_after {
        check_checkpoint(&inputs, own, after, rows)?;
    }
    Ok(())
}

fn check_tensor(
    expected: &Tensor,
    own: &dyn Quantities,
    spec: &TensorSpec,
    tolerance: &Tolerance,
) -> Result<Verdict> {
    let mut actual = own.quantity(&spec.what, &spec.args)?;
    if let Some(select) = &spec.select {
        actual = select.apply(&actual)?;
    }
    let looked_at = match tolerance {
        Tolerance::Rule(Rule::ArgmaxGap { of, .. }) => Some(own.quantity(of, &spec.args)?),
        Tolerance::Rule(Rule::AdamFirstStep { .. }) => Some(own.clipped_gradient(param(&spec.args)?)?),
        _ => None,
    };
    let looked_at = looked_at.as_ref().map(Quantity::of).transpose()?;
    compare(&Quantity::of(expected)?, &Quantity::of(&actual)?, tolerance, looked_at.as_ref())
}

/// The parameter that a training quantity is about.
pub fn param(args: &Args) -> Result<&str> {
    args.get("param").and_then(Value::as_str).context("no parameter is named")
}

/// Every tensor of the checkpoint against the own parameters after the step.
fn check_checkpoint(
    inputs: &Inputs<'_>,
    own: &dyn Quantities,
    after: &CheckpointAfter,
    rows: &mut Rows<'_>,
) -> Result<()> {
    let checkpoint = inputs.torch(&after.file, &after.root)?;
    ensure!(!checkpoint.is_empty(), "{} holds no tensor under {:?}", after.file, after.root);
    let mut names: Vec<&String> = checkpoint.keys().collect();
    names.sort();
    for name in names {
        let expected = Quantity::of(&checkpoint[name])?;
        let args = Args::from_iter([("param".to_owned(), Value::from(name.as_str()))]);
        let label = label("checkpoint_after", &args);
        let (tolerance, verdict) = match after.exact_like.get(name) {
            Some(what) => {
                let spec = inputs.item.tensors.iter().find(|spec| spec.what == *what);
                let spec =
                    spec.with_context(|| format!("{name:?} is to equal {what:?}, which is not stored"))?;
                let tolerance = spec.tol.as_ref().with_context(|| format!("{what:?} has no tolerance"))?;
                let verdict = guarded(|| {
                    let actual = own.quantity(what, &spec.args)?;
                    compare(&expected, &Quantity::of(&actual)?, tolerance, None)
                });
                (tolerance, verdict)
            }
            None => {
                let verdict = guarded(|| {
                    let actual = own.quantity("parameter_after", &args)?;
                    let looked_at = match after.tol {
                        Tolerance::Rule(Rule::AdamFirstStep { .. }) => {
                            Some(Quantity::of(&own.clipped_gradient(name)?)?)
                        }
                        _ => None,
                    };
                    compare(&expected, &Quantity::of(&actual)?, &after.tol, looked_at.as_ref())
                });
                (&after.tol, verdict)
            }
        };
        rows.verdict("checkpoint_after", &label, tolerance, verdict);
    }
    Ok(())
}
