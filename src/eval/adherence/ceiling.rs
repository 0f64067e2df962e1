//! What the checks are worth: how often they hold for motion that is known to show what is asked for, as it is and after a round
//! trip through a VQ-VAE, and how often for motion that has nothing to do with it.
//!
//! No model can do better than the motion it learns from, nor than its VQ-VAE; and a check that unrelated motion passes
//! measures nothing.

use super::examples::{Labelled, Rules};
use super::prompt::Prompt;
use super::scene::Scene;
use super::wilson::Rate;
use crate::data::spread;
use crate::error::Result;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Examples of one prompt that are looked at.
pub const EXAMPLES: usize = 12;
/// Clips of one kind that stand for it among the unrelated ones.
const OF_A_KIND: usize = 5;

/// Clips to look at, by their place in the list of all.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Examples of each prompt.
    examples: Vec<Vec<usize>>,
    /// Unrelated clips of each prompt.
    unrelated: Vec<Vec<usize>>,
}

/// A rate for each sort of motion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ceiling {
    /// Clips that show it.
    pub data: Rate,
    /// The same clips after the VQ-VAE, as a generation would be shown.
    pub decoded: Option<Rate>,
    /// Clips that have nothing to do with it.
    pub unrelated: Rate,
}

/// One prompt.
#[derive(Clone, Debug, Serialize)]
pub struct CeilingRow {
    /// Its name.
    pub id: String,
    /// Its family.
    pub family: String,
    /// Its rates.
    pub ceiling: Ceiling,
    /// Checks that failed on examples, and how often.
    pub failed: BTreeMap<String, usize>,
    /// The same after the VQ-VAE.
    pub failed_decoded: BTreeMap<String, usize>,
    /// Kinds of unrelated clips that passed, and how many.
    pub fooled_by: BTreeMap<String, usize>,
}

/// All prompts.
#[derive(Clone, Debug, Serialize)]
pub struct Ceilings {
    /// All clips.
    pub overall: Ceiling,
    /// Clips of each family.
    pub families: BTreeMap<String, Ceiling>,
    /// Prompts that no clip shows.
    pub without_example: Vec<String>,
    /// Every prompt.
    pub prompts: Vec<CeilingRow>,
}

impl Plan {
    /// Choose clips, evenly spread over those that fit.
    pub fn new(rules: &Rules, prompts: &[Prompt], clips: &[Labelled], most: usize) -> Self {
        let of = |fits: &dyn Fn(&Labelled) -> bool| -> Vec<usize> {
            (0..clips.len()).filter(|clip| fits(&clips[*clip])).collect()
        };
        let mut kinds: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, clip) in clips.iter().enumerate() {
            kinds.entry(&clip.kind).or_default().push(index);
        }
        let pool: Vec<usize> = kinds.values().flat_map(|all| spread(all, OF_A_KIND).copied()).collect();
        let examples =
            |prompt: &Prompt| spread(&of(&|clip| rules.shows(prompt, clip)), most).copied().collect();
        let unrelated = |prompt: &Prompt| -> Vec<usize> {
            pool.iter().copied().filter(|clip| rules.unrelated(prompt, &clips[*clip])).collect()
        };
        Self {
            examples: prompts.iter().map(examples).collect(),
            unrelated: prompts.iter().map(unrelated).collect(),
        }
    }

    /// Clips that show something, each once.
    pub fn examples(&self) -> BTreeSet<usize> {
        self.examples.iter().flatten().copied().collect()
    }

    /// All clips that are looked at, each once.
    pub fn clips(&self) -> BTreeSet<usize> {
        self.examples.iter().chain(&self.unrelated).flatten().copied().collect()
    }
}

impl Ceilings {
    /// As Markdown: what people read.
    pub fn markdown(&self) -> String {
        super::table::ceilings(self)
    }
}

/// Check everything. `scenes` holds all clips of the plan, `decoded` its examples after the VQ-VAE.
///
/// # Errors
/// `internal` where a clip of the plan is not there.
pub fn ceilings(
    prompts: &[Prompt],
    plan: &Plan,
    clips: &[Labelled],
    scenes: &BTreeMap<usize, Scene>,
    decoded: Option<&BTreeMap<usize, Scene>>,
) -> Result<Ceilings> {
    let scene = |of: &'_ BTreeMap<usize, Scene>, clip: &usize, prompt: &Prompt| {
        of.get(clip).map(|scene| prompt.check(scene)).ok_or_else(|| {
            crate::error::Error::internal("clip_not_read", "a clip that is to be checked was not read")
        })
    };
    let row = |(n, prompt): (usize, &Prompt)| -> Result<CeilingRow> {
        let checked = |of| {
            let verdicts = plan.examples[n].iter().map(|clip| scene(of, clip, prompt));
            verdicts.collect::<Result<Vec<_>>>()
        };
        let data = checked(scenes)?;
        let after = decoded.map(checked).transpose()?;
        let mut fooled_by = BTreeMap::new();
        let mut passes = Vec::with_capacity(plan.unrelated[n].len());
        for clip in &plan.unrelated[n] {
            let passed = scene(scenes, clip, prompt)?.passed;
            passes.push(passed);
            if passed {
                *fooled_by.entry(clips[*clip].kind.clone()).or_default() += 1;
            }
        }
        let rate = |verdicts: &[super::Verdict]| Rate::of(verdicts.iter().map(|verdict| verdict.passed));
        Ok(CeilingRow {
            id: prompt.id.clone(),
            family: prompt.family.clone(),
            ceiling: Ceiling {
                data: rate(&data),
                decoded: after.as_deref().map(rate),
                unrelated: Rate::of(passes),
            },
            failed: counted(&data),
            failed_decoded: after.as_deref().map(counted).unwrap_or_default(),
            fooled_by,
        })
    };
    let rows: Vec<CeilingRow> = prompts.par_iter().enumerate().map(row).collect::<Result<_>>()?;
    let mut families: BTreeMap<String, Vec<&CeilingRow>> = BTreeMap::new();
    for row in &rows {
        families.entry(row.family.clone()).or_default().push(row);
    }
    Ok(Ceilings {
        overall: together(&rows.iter().collect::<Vec<_>>()),
        families: families.into_iter().map(|(family, rows)| (family, together(&rows))).collect(),
        without_example: rows
            .iter()
            .filter(|row| row.ceiling.data.of == 0)
            .map(|row| row.id.clone())
            .collect(),
        prompts: rows,
    })
}

fn counted(verdicts: &[super::Verdict]) -> BTreeMap<String, usize> {
    let mut failed = BTreeMap::new();
    for words in verdicts.iter().flat_map(|verdict| &verdict.failed) {
        *failed.entry(words.clone()).or_default() += 1;
    }
    failed
}

/// All clips of several prompts.
fn together(rows: &[&CeilingRow]) -> Ceiling {
    Ceiling {
        data: rows.iter().map(|row| row.ceiling.data).sum(),
        decoded: rows.iter().map(|row| row.ceiling.decoded).sum(),
        unrelated: rows.iter().map(|row| row.ceiling.unrelated).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::prompt::read;
    use super::super::stage;
    use super::*;

    /// A raises the left hand, or nobody does.
    fn scene(raised: bool) -> Scene {
        stage::scene(|person, _, pose| {
            if person == 0 && raised {
                stage::reach(pose, 0, [0.2, 1.9, 0.1]);
            }
            (0.0, 1.2 * person as f32, 180.0 * person as f32)
        })
    }

    #[test]
    fn examples_and_others_are_counted_apart() {
        let prompts = read(
            r#"prompts = [
                { id = "left", family = "raise", prompt = "p", checks = [{ is = "raises", who = "A", hand = "left" }] },
                { id = "right", family = "raise", prompt = "q", checks = [{ is = "raises", who = "A", hand = "right" }] },
            ]"#,
        )
        .unwrap();
        let rules = Rules::parse(
            "[family.raise]\nclips = [\"raise\"]\nakin = [\"hand\"]\n[prompt.left]\nsays = [\"left\"]\n[prompt.right]\nclips = []",
        )
        .unwrap();
        let clip = |id: &str, caption: &str| Labelled::new(id, &[caption.to_owned()], [&[], &[]]);
        let clips = [
            clip("raise-00001", "the left arm goes up"),
            clip("raise-00002", "the left arm goes up"),
            clip("raise-00003", "the right arm goes up"),
            clip("stand-00004", "they stand"),
            clip("stand-00005", "they stand, hands down"),
            clip("jump-00006", "they jump"),
        ];
        let plan = Plan::new(&rules, &prompts, &clips, 12);
        assert_eq!(plan.examples(), BTreeSet::from([0, 1]));
        assert_eq!(plan.clips(), BTreeSet::from([0, 1, 3, 5]));
        let scenes = plan.clips().into_iter().map(|clip| (clip, scene(clip == 0 || clip == 5))).collect();
        let decoded = plan.examples().into_iter().map(|clip| (clip, scene(false))).collect();
        let found = ceilings(&prompts, &plan, &clips, &scenes, Some(&decoded)).unwrap();
        let count = |rate: Rate| (rate.passed, rate.of);
        assert_eq!(count(found.overall.data), (1, 2), "one of the two arms is down");
        assert_eq!(found.overall.decoded.map(count), Some((0, 2)));
        assert_eq!(count(found.families["raise"].unrelated), (1, 4), "the jump, and only with the left hand");
        assert_eq!(found.prompts[0].fooled_by, BTreeMap::from([("jump".to_owned(), 1)]));
        assert_eq!(found.prompts[0].failed.values().sum::<usize>(), 1);
        assert_eq!(found.without_example, ["right"]);
        assert!(ceilings(&prompts, &plan, &clips, &BTreeMap::new(), None).is_err());
    }
}
