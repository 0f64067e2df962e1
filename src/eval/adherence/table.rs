//! A [`Report`] as Markdown.

use super::quality::Figures;
use super::report::{Report, Row};
use super::wilson::Rate;
use std::fmt::Write;

/// Tables, from the whole to the single prompt.
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = page(report, &mut out);
    out
}

fn page(report: &Report, out: &mut String) -> std::fmt::Result {
    let set = &report.setting;
    writeln!(out, "# Does the motion do what the words say?\n")?;
    writeln!(
        out,
        "Model {}, {} prompts, seeds {} to {}, guidance {}, {} steps, temperature {}. Intervals are 95 % (Wilson).\n",
        set.model,
        report.prompts.len(),
        set.seed,
        set.seed + set.seeds.saturating_sub(1) as u64,
        set.guidance,
        set.steps,
        set.temperature
    )?;
    writeln!(out, "| | success | interval | clips |\n|---|---:|---:|---:|")?;
    line(out, "**overall**", report.overall)?;
    for (kind, pairs) in &report.pairs {
        line(out, &format!("minimal pairs, {kind}: members"), pairs.members)?;
        line(out, &format!("minimal pairs, {kind}: both right"), pairs.both)?;
    }
    line(out, "all seeds give different results (prompts)", report.distinct)?;
    line(out, "\"first person\" is person 1 (not required)", report.listed_order)?;

    writeln!(out, "\n## Families\n\n| family | success | interval | clips |\n|---|---:|---:|---:|")?;
    let mut families: Vec<_> = report.families.iter().collect();
    families.sort_by(|a, b| a.1.rate.total_cmp(&b.1.rate));
    for (family, rate) in families {
        line(out, family, *rate)?;
    }

    writeln!(out, "\n## The motion itself\n\n| | generated | real |\n|---|---:|---:|")?;
    for (name, show) in FIGURES {
        let real = report.real.as_ref().map_or_else(|| "-".to_owned(), show);
        writeln!(out, "| {name} | {} | {real} |", show(&report.generated))?;
    }

    writeln!(
        out,
        "\n## Prompts\n\n| id | prompt | passed | checks that failed (seeds) |\n|---|---|---:|---|"
    )?;
    for row in &report.prompts {
        writeln!(
            out,
            "| {} | {} | {}/{} | {} |",
            row.id,
            cell(&row.prompt),
            row.passed,
            row.of,
            failed(row)
        )?;
    }
    Ok(())
}

/// A figure's name and how it is shown.
type Shown = (&'static str, fn(&Figures) -> String);

const FIGURES: [Shown; 6] = [
    ("foot skate, share of frames", |f| percent(f.foot_skate)),
    ("jitter, mean acceleration, m/s²", |f| format!("{:.2}", f.jitter)),
    ("under the floor, share of frames", |f| percent(f.floor_share)),
    ("depth there, cm", |f| format!("{:.1}", f.floor_cm)),
    ("bodies in each other, share of frames", |f| percent(f.overlap_share)),
    ("depth there, cm", |f| format!("{:.1}", f.overlap_cm)),
];

fn line(out: &mut String, name: &str, rate: Rate) -> std::fmt::Result {
    let Rate { passed, of, low, high, .. } = rate;
    writeln!(
        out,
        "| {name} | {} | {:.1} to {:.1} % | {passed} of {of} |",
        percent(rate.rate),
        100.0 * low,
        100.0 * high
    )
}

fn failed(row: &Row) -> String {
    let checks = row.failed.iter().map(|(words, seeds)| format!("{} ({seeds})", cell(words)));
    checks.collect::<Vec<_>>().join("; ")
}

/// Text that a table's cell can hold.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
