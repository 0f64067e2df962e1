//! The table: one line a quantity, all failures in full at the end. Written past the test harness's capture, so that it always shows.

use super::case::Item;
use super::compare::Verdict;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The worst of all tensors of one `what` in one item.
struct Row {
    case: String,
    item: String,
    task: String,
    what: String,
    tensors: usize,
    failed: usize,
    error: f64,
    strain: f64,
    tolerance: String,
}

#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
    failures: Vec<String>,
    /// (kind, task) -> items that wait for it.
    not_built: BTreeMap<(String, String), Vec<String>>,
    absent: Vec<String>,
    checks: usize,
    cases: usize,
}

impl Report {
    /// Tensors and values compared so far, failures to compute them included.
    pub fn checks(&self) -> usize {
        self.checks + self.failures.len()
    }

    pub fn case_started(&mut self) {
        self.cases += 1;
    }

    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// One comparison.
    pub fn check(
        &mut self,
        case: &str,
        item: &Item,
        what: &str,
        label: &str,
        tolerance: &str,
        verdict: &Verdict,
    ) {
        self.checks += 1;
        if let Some(failure) = &verdict.failure {
            self.failures.push(format!("{case} {} {}: {label}: {failure}", item.id, item.task));
        }
        let failed = usize::from(verdict.failure.is_some());
        match self
            .rows
            .iter_mut()
            .rev()
            .find(|row| row.case == case && row.item == item.id && row.what == what)
        {
            Some(row) => {
                row.tensors += 1;
                row.failed += failed;
                row.error = row.error.max(verdict.error);
                if verdict.strain > row.strain {
                    row.strain = verdict.strain;
                    row.tolerance = tolerance.to_owned();
                }
            }
            None => self.rows.push(Row {
                case: case.to_owned(),
                item: item.id.clone(),
                task: item.task.clone(),
                what: what.to_owned(),
                tensors: 1,
                failed,
                error: verdict.error,
                strain: verdict.strain,
                tolerance: tolerance.to_owned(),
            }),
        }
    }

    /// Something could not be run or computed at all.
    pub fn fail(&mut self, case: &str, item: &str, task: &str, what: &str, error: &anyhow::Error) {
        self.failures.push(format!("{case} {item} {task}: {what}: {error:#}"));
    }

    pub fn not_built(&mut self, case: &str, kind: &str, title: &str, item: &Item) {
        let key = (kind.to_owned(), item.task.clone());
        self.not_built.entry(key).or_default().push(format!("{case} {} ({title})", item.id));
    }

    pub fn absent_asset(&mut self, case: &str, asset: &str) {
        self.absent.push(format!("ASSET ABSENT: {asset}, which {case} needs"));
    }

    /// The whole report as text.
    pub fn text(&self, folder: &std::path::Path) -> String {
        let mut text = format!("\nparity cases of {}\n", folder.display());
        let width =
            |of: fn(&Row) -> usize, least: usize| self.rows.iter().map(of).max().unwrap_or(0).max(least);
        let case = width(|row| row.case.len() + row.item.len() + 1, 4);
        let task = width(|row| row.task.len(), 4);
        let what = width(|row| row.what.len(), 8);
        let tolerance = width(|row| row.tolerance.len(), 9);
        let mut line = |cells: [&str; 8]| {
            let [c, t, w, n, e, tol, used, ok] = cells;
            let _ = writeln!(
                text,
                "{c:case$}  {t:task$}  {w:what$}  {n:>3}  {e:>9}  {tol:tolerance$}  {used:>6}  {ok}"
            );
        };
        line(["case", "task", "quantity", "n", "max error", "tolerance", "used", "ok"]);
        for row in &self.rows {
            let place = format!("{} {}", row.case, row.item);
            let error = if row.error == 0.0 { "0".to_owned() } else { format!("{:.1e}", row.error) };
            // How much of the allowance is used up.
            let used =
                if row.strain.is_finite() { format!("{:.1}%", row.strain * 100.0) } else { "-".to_owned() };
            let ok = if row.failed == 0 { "ok" } else { "FAILED" };
            let n = row.tensors.to_string();
            line([&place, &row.task, &row.what, &n, &error, &row.tolerance, &used, ok]);
        }
        for ((kind, task), items) in &self.not_built {
            let _ = writeln!(text, "not built yet: kind {kind}, task {task}: {}", items.join("; "));
        }
        for line in &self.absent {
            let _ = writeln!(text, "{line}");
        }
        let waiting: usize = self.not_built.values().map(Vec::len).sum();
        let _ = writeln!(
            text,
            "{} cases, {} comparisons, {} failures, {waiting} items of kinds not built yet",
            self.cases,
            self.checks,
            self.failures.len()
        );
        for failure in &self.failures {
            let _ = writeln!(text, "FAILED {failure}");
        }
        text
    }
}
