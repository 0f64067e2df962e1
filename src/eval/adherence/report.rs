//! What a whole prompt file says of a model: rates, families, minimal pairs, distinct results, flaws of the motion.

use super::ceiling::Ceilings;
use super::prompt::{Prompt, Verdict};
use super::quality::Figures;
use super::table;
use super::wilson::Rate;
use crate::eval::frechet::Frechet;
use crate::motion::Motion;
use serde::Serialize;
use std::collections::BTreeMap;

/// One prompt with one seed.
#[derive(Clone, Debug)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// What the checks say.
    pub verdict: Verdict,
    /// Two results are one only if all of their bits are.
    pub fingerprint: [u8; 32],
}

/// Names a motion by its positions: equal only for equal bits.
pub fn fingerprint(motion: &Motion) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for number in motion.persons.iter().flat_map(|person| person.positions.iter().flatten().flatten()) {
        hash.update(number.to_le_bytes());
    }
    hash.finalize().into()
}

/// How the clips were made.
#[derive(Clone, Debug, Serialize)]
pub struct Setting {
    /// Name of the model.
    pub model: String,
    /// Guidance.
    pub guidance: f32,
    /// Decoding steps.
    pub steps: usize,
    /// Temperature.
    pub temperature: f32,
    /// Share of a remembered clip that stayed, where it was not the model's.
    pub memory: Option<f32>,
    /// First seed; the others follow.
    pub seed: u64,
    /// Seeds of each prompt.
    pub seeds: usize,
    /// Whether the prompts were asked in their other words.
    pub reworded: bool,
}

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How the clips were made.
    pub setting: Setting,
    /// All clips.
    pub overall: Rate,
    /// Clips of each family.
    pub families: BTreeMap<String, Rate>,
    /// Minimal pairs of each kind, and of all kinds under `all`.
    pub pairs: BTreeMap<String, Pairs>,
    /// Prompts whose seeds all gave different results.
    pub distinct: Rate,
    /// Of the clips of prompts that count people ("the first person"): passed with person 1 as A.
    pub listed_order: Rate,
    /// Flaws of the generated motion.
    pub generated: Figures,
    /// The same of real motion.
    pub real: Option<Figures>,
    /// How far motion made from the captions of real takes is from those takes, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frechet: Option<Frechet>,
    /// What the checks say of motion whose content is known, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceilings: Option<Ceilings>,
    /// Every prompt.
    pub prompts: Vec<Row>,
}

/// Minimal pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pairs {
    /// Clips of prompts that belong to a pair.
    pub members: Rate,
    /// Both members right with the same seed.
    pub both: Rate,
}

/// One prompt.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub id: String,
    /// Its family.
    pub family: String,
    /// The sentence.
    pub prompt: String,
    /// Its pair.
    pub pair: Option<String>,
    /// Seeds that passed.
    pub passed: usize,
    /// Seeds tried.
    pub of: usize,
    /// Checks that failed, and with how many seeds.
    pub failed: BTreeMap<String, usize>,
}

impl Report {
    /// Count. Each prompt comes with its runs, the same seeds in the same order.
    pub fn new(
        setting: Setting,
        results: &[(Prompt, Vec<Run>)],
        generated: Figures,
        real: Option<Figures>,
    ) -> Self {
        let passes = |runs: &[Run]| -> Vec<bool> { runs.iter().map(|run| run.verdict.passed).collect() };
        let mut families: BTreeMap<String, Vec<bool>> = BTreeMap::new();
        for (prompt, runs) in results {
            families.entry(prompt.family.clone()).or_default().extend(passes(runs));
        }
        let counted = results.iter().filter(|(prompt, _)| prompt.counts_people());
        Self {
            setting,
            overall: Rate::of(results.iter().flat_map(|(_, runs)| passes(runs))),
            families: families.into_iter().map(|(name, passes)| (name, Rate::of(passes))).collect(),
            pairs: pairs(results),
            distinct: Rate::of(results.iter().map(|(_, runs)| {
                let mut prints: Vec<_> = runs.iter().map(|run| run.fingerprint).collect();
                prints.sort_unstable();
                prints.windows(2).all(|two| two[0] != two[1])
            })),
            listed_order: Rate::of(
                counted.flat_map(|(_, runs)| runs.iter().map(|run| run.verdict.orders[0])),
            ),
            generated,
            real,
            frechet: None,
            ceilings: None,
            prompts: results.iter().map(row).collect(),
        }
    }

    /// As Markdown: what people read.
    pub fn markdown(&self) -> String {
        table::markdown(self)
    }
}

fn row((prompt, runs): &(Prompt, Vec<Run>)) -> Row {
    let mut failed = BTreeMap::new();
    for words in runs.iter().flat_map(|run| &run.verdict.failed) {
        *failed.entry(words.clone()).or_default() += 1;
    }
    Row {
        id: prompt.id.clone(),
        family: prompt.family.clone(),
        prompt: prompt.prompt.clone(),
        pair: prompt.pair.clone(),
        passed: runs.iter().filter(|run| run.verdict.passed).count(),
        of: runs.len(),
        failed,
    }
}

fn pairs(results: &[(Prompt, Vec<Run>)]) -> BTreeMap<String, Pairs> {
    let mut by_name: BTreeMap<&str, Vec<&(Prompt, Vec<Run>)>> = BTreeMap::new();
    for result in results {
        if let Some(pair) = &result.0.pair {
            by_name.entry(pair).or_default().push(result);
        }
    }
    // (clips, both right) of each kind.
    let mut kinds: BTreeMap<String, (Vec<bool>, Vec<bool>)> = BTreeMap::new();
    for members in by_name.values() {
        let kind = members[0].0.pair_kind().unwrap_or_default();
        for name in [kind, "all"] {
            let (clips, both) = kinds.entry(name.to_owned()).or_default();
            clips.extend(members.iter().flat_map(|(_, runs)| runs.iter().map(|run| run.verdict.passed)));
            // A subset of a prompt file may hold one member only.
            if let [(_, first), (_, second)] = members[..] {
                both.extend(first.iter().zip(second).map(|(a, b)| a.verdict.passed && b.verdict.passed));
            }
        }
    }
    kinds
        .into_iter()
        .map(|(kind, (clips, both))| (kind, Pairs { members: Rate::of(clips), both: Rate::of(both) }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::prompt::read;
    use super::super::quality::Quality;
    use super::*;

    fn run(seed: u64, passed: bool, print: u8) -> Run {
        let failed = if passed { vec![] } else { vec!["raises hand=left who=A".to_owned()] };
        Run { seed, verdict: Verdict { orders: [false, passed], passed, failed }, fingerprint: [print; 32] }
    }

    fn report() -> Report {
        let text = r#"
            prompts = [
              { id = "a", family = "wave", pair = "side/w", prompt = "the first person waves | left", checks = [{ is = "approach" }] },
              { id = "b", family = "wave", pair = "side/w", prompt = "right", checks = [{ is = "approach" }] },
              { id = "c", family = "hug", prompt = "hug", checks = [{ is = "approach" }] },
            ]"#;
        let runs = [
            vec![run(0, true, 1), run(1, true, 2)],
            vec![run(0, true, 3), run(1, false, 4)],
            vec![run(0, false, 5), run(1, false, 5)],
        ];
        let results: Vec<_> = read(text).unwrap().into_iter().zip(runs).collect();
        let setting = Setting {
            model: "m".into(),
            guidance: 2.0,
            steps: 20,
            temperature: 1.0,
            memory: None,
            seed: 0,
            seeds: 2,
            reworded: false,
        };
        let figures = Quality::default().figures();
        Report::new(setting, &results, figures, Some(figures))
    }

    #[test]
    fn everything_is_counted_once() {
        let report = report();
        let count = |rate: Rate| (rate.passed, rate.of);
        assert_eq!(count(report.overall), (3, 6));
        assert_eq!((count(report.families["wave"]), count(report.families["hug"])), ((3, 4), (0, 2)));
        assert_eq!((count(report.pairs["side"].members), count(report.pairs["side"].both)), ((3, 4), (1, 2)));
        assert_eq!(report.pairs["all"], report.pairs["side"]);
        assert_eq!(count(report.distinct), (2, 3));
        assert_eq!(count(report.listed_order), (0, 2), "passed, but with person 2 as A");
        assert_eq!(report.prompts[2].failed["raises hand=left who=A"], 2);
    }

    #[test]
    fn the_page_shows_every_prompt_and_breaks_at_no_sentence() {
        let text = report().markdown();
        assert!(text.contains("50.0 %") && text.contains("3 of 6"), "{text}");
        assert!(text.contains("the first person waves \\| left"), "{text}");
        let rows = text.lines().filter(|line| line.contains("raises hand=left who=A")).count();
        assert_eq!(rows, 2, "the two prompts that failed say why");
    }
    #[test]
    fn what_the_checks_are_worth_stands_beside_each_prompt() {
        use super::super::ceiling::{Ceiling, CeilingRow};
        let rate = |passed, of| Rate::counted(passed, of);
        let ceiling = Ceiling { data: rate(11, 12), decoded: Some(rate(9, 12)), unrelated: rate(3, 200) };
        let row = CeilingRow {
            id: "b".into(),
            family: "wave".into(),
            ceiling,
            failed: BTreeMap::new(),
            failed_decoded: BTreeMap::new(),
            fooled_by: BTreeMap::new(),
        };
        let known = Ceilings {
            overall: ceiling,
            families: BTreeMap::from([("wave".to_owned(), ceiling)]),
            without_example: vec![],
            prompts: vec![row],
        };
        let text = Report { ceilings: Some(known), ..report() }.markdown();
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
        assert!(
            line("| b | right |").contains("| 1/2 | 91.7 % (12) | 75.0 % (12) | 1.5 % (200) |"),
            "{text}"
        );
        assert!(line("| c | hug |").contains("| 0/2 | - | - | - |"), "nothing is known of it");
        let cells = |line: String| line.matches(" |").count();
        assert_eq!(cells(line("| id |")), cells(line("| b | right |")), "{text}");
    }
}
