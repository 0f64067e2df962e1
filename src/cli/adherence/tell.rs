//! Reports, to files and to the terminal.

use super::AdherenceArgs;
use crate::cli::say::{json, say};
use crate::error::{Error, Result};
use crate::eval::adherence::ceiling::{Ceiling, Ceilings};
use crate::eval::adherence::quality::Figures;
use crate::eval::adherence::report::Report;
use crate::eval::adherence::wilson::Rate;
use serde::Serialize;
use std::collections::BTreeMap;

/// Write the report to --out and print it.
pub fn deliver(args: &AdherenceArgs, report: &Report) -> Result<()> {
    files_and_json(args, report, &report.markdown(), || tell(report))
}

/// The same where nothing was generated.
pub fn deliver_ceilings(args: &AdherenceArgs, ceilings: &Ceilings) -> Result<()> {
    files_and_json(args, ceilings, &ceilings.markdown(), || tell_ceilings(ceilings))
}

fn files_and_json(
    args: &AdherenceArgs,
    report: &impl Serialize,
    markdown: &str,
    tell: impl Fn(),
) -> Result<()> {
    let json = json(report)?;
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out).map_err(|e| Error::io("make the folder", out, e))?;
        for (name, text) in [("report.md", markdown), ("report.json", json.as_str())] {
            let path = out.join(name);
            std::fs::write(&path, text).map_err(|e| Error::io("write", &path, e))?;
        }
    }
    if args.json {
        say(&json)?;
    } else {
        tell();
        if let Some(out) = &args.out {
            println!("wrote {}", out.join("report.md").display());
        }
    }
    Ok(())
}

fn tell_ceilings(ceilings: &Ceilings) {
    println!("{:<18} {:>14} {:>14} {:>14}", "", "known to be so", "after VQ-VAE", "unrelated");
    let rate = |rate: Rate| format!("{:5.1} % of {}", 100.0 * rate.rate, rate.of);
    let line = |name: &str, ceiling: &Ceiling| {
        let decoded = ceiling.decoded.map_or_else(|| "-".to_owned(), rate);
        println!("{name:<18} {:>14} {decoded:>14} {:>14}", rate(ceiling.data), rate(ceiling.unrelated));
    };
    line("overall", &ceilings.overall);
    for (family, ceiling) in &ceilings.families {
        line(family, ceiling);
    }
    println!("prompts that no clip shows: {}", ceilings.without_example.len());
}

fn tell(report: &Report) {
    let show = |name: &str, rate: &Rate| {
        let Rate { passed, of, rate, low, high } = rate;
        let [rate, low, high] = [rate, low, high].map(|share| 100.0 * share);
        println!("{name:<28} {rate:5.1} %  ({low:5.1} to {high:5.1})  {passed} of {of}");
    };
    show("overall", &report.overall);
    let by_rate: BTreeMap<_, _> = report.families.iter().collect();
    for (family, rate) in by_rate {
        show(&format!("  {family}"), rate);
    }
    for (kind, pairs) in &report.pairs {
        show(&format!("minimal pairs, {kind}"), &pairs.members);
        show("  both right", &pairs.both);
    }
    show("distinct results", &report.distinct);
    if let Some(ceilings) = &report.ceilings {
        show("known to be so", &ceilings.overall.data);
        if let Some(decoded) = &ceilings.overall.decoded {
            show("  after the VQ-VAE", decoded);
        }
        show("  unrelated motion", &ceilings.overall.unrelated);
    }
    let row = |name: &str, figures: &Figures| {
        println!(
            "{name}: foot skate {:.1} %, jitter {:.1} m/s2, under the floor {:.1} % ({:.1} cm), in each other {:.1} % ({:.1} cm)",
            100.0 * figures.foot_skate,
            figures.jitter,
            100.0 * figures.floor_share,
            figures.floor_cm,
            100.0 * figures.overlap_share,
            figures.overlap_cm
        );
    };
    row("generated", &report.generated);
    if let Some(real) = &report.real {
        row("real", real);
    }
    if let Some(frechet) = &report.frechet {
        let (distance, chance) = (frechet.distance, frechet.between_halves);
        println!(
            "Fréchet distance from real motion {distance:.2}; of its halves from each other {chance:.2}"
        );
    }
}
