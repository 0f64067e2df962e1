//! A [`Report`] as Markdown.

use super::ceiling::{Ceiling, Ceilings};
use super::quality::Figures;
use super::report::Report;
use super::wilson::Rate;
use crate::eval::frechet::Frechet;
use std::collections::BTreeMap;
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
        "Model {}, {} prompts{}, seeds {} to {}, guidance {}, {} steps, temperature {}{}. Intervals are 95 % (Wilson).\n",
        set.model,
        report.prompts.len(),
        if set.reworded { " in other words" } else { "" },
        set.seed,
        set.seed + set.seeds.saturating_sub(1) as u64,
        set.guidance,
        set.steps,
        set.temperature,
        set.memory.map_or_else(String::new, |share| format!(", memory {share}"))
    )?;
    writeln!(out, "| | success | interval | clips |\n|---|---:|---:|---:|")?;
    line(out, "**overall**", report.overall)?;
    for (kind, pairs) in &report.pairs {
        line(out, &format!("minimal pairs, {kind}: members"), pairs.members)?;
        line(out, &format!("minimal pairs, {kind}: both right"), pairs.both)?;
    }
    line(out, "all seeds give different results (prompts)", report.distinct)?;
    line(out, "\"first person\" is person 1 (not required)", report.listed_order)?;

    families(report, out)?;

    writeln!(out, "\n## The motion itself\n\n| | generated | real |\n|---|---:|---:|")?;
    for (name, show) in FIGURES {
        let real = report.real.as_ref().map_or_else(|| "-".to_owned(), show);
        writeln!(out, "| {name} | {} | {real} |", show(&report.generated))?;
    }
    if let Some(frechet) = &report.frechet {
        let Frechet { distance, between_halves, .. } = frechet;
        writeln!(out, "| Fréchet distance from real motion | {distance:.2} | {between_halves:.2} |")?;
    }

    prompts(report, out)
}

fn prompts(report: &Report, out: &mut String) -> std::fmt::Result {
    let known = report.ceilings.as_ref().map(|known| {
        known.prompts.iter().map(|row| (row.id.as_str(), &row.ceiling)).collect::<BTreeMap<_, _>>()
    });
    let (more, rule) = if known.is_some() {
        (" data | after the VQ-VAE | unrelated motion |", "---:|---:|---:|")
    } else {
        ("", "")
    };
    writeln!(out, "\n## Prompts\n\n| id | prompt | passed |{more} checks that failed (seeds) |")?;
    writeln!(out, "|---|---|---:|{rule}---|")?;
    for row in &report.prompts {
        write!(out, "| {} | {} | {}/{} |", row.id, cell(&row.prompt), row.passed, row.of)?;
        if let Some(known) = &known {
            let [data, decoded, unrelated] = columns(known.get(row.id.as_str()).copied());
            write!(out, " {data} | {decoded} | {unrelated} |")?;
        }
        writeln!(out, " {} |", counts(&row.failed))?;
    }
    Ok(())
}

fn families(report: &Report, out: &mut String) -> std::fmt::Result {
    let mut families: Vec<_> = report.families.iter().collect();
    families.sort_by(|a, b| a.1.rate.total_cmp(&b.1.rate));
    let Some(known) = &report.ceilings else {
        writeln!(out, "\n## Families\n\n| family | success | interval | clips |\n|---|---:|---:|---:|")?;
        return families.into_iter().try_for_each(|(family, rate)| line(out, family, *rate));
    };
    writeln!(out, "\n## Families\n\n{KNOWN}\n")?;
    writeln!(out, "| family | data | after the VQ-VAE | model | interval | clips | unrelated motion |")?;
    writeln!(out, "|---|---:|---:|---:|---:|---:|---:|")?;
    let all = std::iter::once(("**overall**", &report.overall, Some(&known.overall)));
    let each = families.iter().map(|(family, rate)| (family.as_str(), *rate, known.families.get(*family)));
    for (family, model, known) in all.chain(each) {
        let [data, decoded, unrelated] = columns(known);
        let Rate { passed, of, low, high, .. } = model;
        let (rate, low, high) = (percent(model.rate), 100.0 * low, 100.0 * high);
        writeln!(
            out,
            "| {family} | {data} | {decoded} | {rate} | {low:.1} to {high:.1} % | {passed} of {of} | {unrelated} |"
        )?;
    }
    Ok(())
}

const KNOWN: &str = "Data: composed clips that are known to show what a prompt asks for. After the VQ-VAE: the same, encoded and \
decoded. Unrelated motion: clips of other kinds, of which a good check is false.";

/// Rates of motion whose content is known; a dash where nothing was looked at.
fn columns(known: Option<&Ceiling>) -> [String; 3] {
    let rate = |rate: Option<Rate>| {
        let rate = rate.filter(|rate| rate.of > 0);
        rate.map_or_else(|| "-".to_owned(), |rate| format!("{} ({})", percent(rate.rate), rate.of))
    };
    [
        rate(known.map(|known| known.data)),
        rate(known.and_then(|known| known.decoded)),
        rate(known.map(|known| known.unrelated)),
    ]
}

/// What the checks are worth, as Markdown.
pub fn ceilings(known: &Ceilings) -> String {
    let mut out = format!("# What are the checks worth?\n\n{KNOWN}\n");
    // Writing to a String cannot fail.
    let _ = known_page(known, &mut out);
    out
}

fn known_page(known: &Ceilings, out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n| family | data | after the VQ-VAE | unrelated motion |\n|---|---:|---:|---:|")?;
    let all = std::iter::once(("**overall**", &known.overall));
    for (family, ceiling) in all.chain(known.families.iter().map(|(name, ceiling)| (name.as_str(), ceiling)))
    {
        let [data, decoded, unrelated] = columns(Some(ceiling));
        writeln!(out, "| {family} | {data} | {decoded} | {unrelated} |")?;
    }
    writeln!(
        out,
        "\n## Prompts\n\n| id | data | after the VQ-VAE | unrelated motion | checks that failed on data | after the VQ-VAE | fooled by |\n|---|---:|---:|---:|---|---|---|"
    )?;
    for row in &known.prompts {
        let [data, decoded, unrelated] = columns(Some(&row.ceiling));
        writeln!(
            out,
            "| {} | {data} | {decoded} | {unrelated} | {} | {} | {} |",
            row.id,
            counts(&row.failed),
            counts(&row.failed_decoded),
            counts(&row.fooled_by)
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

/// What was counted, and how often.
fn counts(counted: &BTreeMap<String, usize>) -> String {
    let all = counted.iter().map(|(words, count)| format!("{} ({count})", cell(words)));
    all.collect::<Vec<_>>().join("; ")
}

/// Text that a table's cell can hold.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
