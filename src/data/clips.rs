//! Which clips a take gives, and what each is called.
//!
//! Three kinds: the stretches of the take themselves (the only ones the VQ-VAE sees, so that no frame counts twice), each
//! timed segment, and overlapping crops. A crop is described by the segments inside it, and by what the take calls the
//! activity when nearly all of the crop lies within that. So is a stretch of a take that is cut: what the captions of the whole
//! take tell may lie on the other side of the cut.

use super::capture::Capture;
use super::paraphrase;
use super::recipe::{Recipe, Segment, Take};
use crate::motion::FPS;
use std::collections::BTreeSet;
use std::ops::Range;

/// Share of a segment that must lie in a crop to be told of it.
const TOLD_SHARE: f64 = 0.6;
/// Share of a crop that must lie in an activity to be called it.
const ACTIVITY_SHARE: f64 = 0.8;
/// The same for a whole stretch, which may begin with people meeting and end with them parting.
const WHOLE_ACTIVITY_SHARE: f64 = 0.5;
/// Most names of an activity that one clip has, so that what is told of it alone is not lost among them.
const ACTIVITY_NAMES: usize = 8;
/// Most segments that one sentence strings together: more outrun the text encoder.
const MAX_TOLD: usize = 3;

/// A clip to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// Readable and unique: `60_61_01`, `60_61_01-seg03`, `60_61_01-f0120-n090`, `18_19_01-x0.75`.
    pub id: String,
    /// Frames of the take.
    pub frames: Range<usize>,
    /// How many times as fast as recorded.
    pub speed: f64,
    /// One line each, no two alike; none where nothing is told of a stretch beside a cut.
    pub captions: Vec<String>,
    /// Only for training on text: its motion is already part of a longer clip.
    pub text_only: bool,
    /// Which stretch of the take it is from.
    pub stretch: usize,
}

/// All clips of a take, whole stretches first.
pub fn plan(recipe: &Recipe, take: &Take, capture: &Capture) -> Vec<Clip> {
    let stretches = capture.stretches(recipe, take);
    let single = stretches.len() == 1;
    let mut clips = Vec::new();
    for (index, stretch) in stretches.into_iter().enumerate() {
        let name = if single { take.id.clone() } else { format!("{}-part{}", take.id, index + 1) };
        let planner = Planner { recipe, take, stretch, index };
        planner.whole(&name, &mut clips);
        planner.segments(&mut clips);
        planner.crops(&mut clips);
    }
    clips
}

struct Planner<'a> {
    recipe: &'a Recipe,
    take: &'a Take,
    stretch: Range<usize>,
    index: usize,
}

impl Planner<'_> {
    fn whole(&self, name: &str, clips: &mut Vec<Clip>) {
        let mut captions = if self.take.cuts.is_empty() {
            self.take.captions.clone()
        } else {
            self.told(&self.stretch).into_iter().collect()
        };
        captions.extend(self.activity(&self.stretch, WHOLE_ACTIVITY_SHARE));
        let base = self.clip(name.to_owned(), self.stretch.clone(), captions, false);
        for &speed in &self.take.speeds {
            let id = format!("{name}-x{speed}");
            clips.push(Clip { id, speed, ..base.clone() });
        }
        clips.push(base);
    }

    fn segments(&self, clips: &mut Vec<Clip>) {
        for (number, segment) in self.take.segments.iter().enumerate() {
            let frames = to_frames([segment.start, segment.end]);
            // A segment across a cut belongs to neither side.
            let inside = overlap(&frames, &self.stretch) as f64 >= 0.9 * frames.len() as f64;
            if let (true, Some(frames)) = (inside, self.grow(frames)) {
                let id = format!("{}-seg{:02}", self.take.id, number + 1);
                clips.push(self.clip(id, frames, vec![segment.text.clone()], true));
            }
        }
    }

    fn crops(&self, clips: &mut Vec<Clip>) {
        for crop in &self.recipe.crops {
            if self.stretch.len() < crop.frames {
                continue;
            }
            let starts = (self.stretch.start..=self.stretch.end - crop.frames).step_by(crop.stride);
            for start in starts {
                let frames = start..start + crop.frames;
                let mut captions: Vec<String> = self.told(&frames).into_iter().collect();
                captions.extend(self.activity(&frames, ACTIVITY_SHARE));
                if !captions.is_empty() {
                    let id = format!("{}-f{start:04}-n{:03}", self.take.id, crop.frames);
                    clips.push(self.clip(id, frames, captions, true));
                }
            }
        }
    }

    fn clip(&self, id: String, frames: Range<usize>, captions: Vec<String>, text_only: bool) -> Clip {
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        for caption in captions {
            let reworded = paraphrase::reword(&caption, self.recipe.paraphrases);
            all.extend(std::iter::once(caption).chain(reworded).filter(|text| seen.insert(text.clone())));
        }
        Clip { id, frames, speed: 1.0, captions: all, text_only, stretch: self.index }
    }

    /// At least `min_clip` frames around a segment, within the stretch.
    fn grow(&self, frames: Range<usize>) -> Option<Range<usize>> {
        let wanted = self.recipe.min_clip.max(overlap(&frames, &self.stretch));
        if self.stretch.len() < wanted {
            return None;
        }
        let middle = (frames.start + frames.end) / 2;
        let start = middle.saturating_sub(wanted / 2).clamp(self.stretch.start, self.stretch.end - wanted);
        Some(start..start + wanted)
    }

    /// The segments within some frames as one sentence.
    fn told(&self, frames: &Range<usize>) -> Option<String> {
        let inside = |segment: &&Segment| {
            let time = to_frames([segment.start, segment.end]);
            overlap(&time, frames) as f64 >= TOLD_SHARE * time.len() as f64
        };
        let mut told: Vec<&Segment> = self.take.segments.iter().filter(inside).collect();
        told.sort_by(|a, b| a.start.total_cmp(&b.start));
        if told.is_empty() || told.len() > MAX_TOLD {
            return None;
        }
        let parts: Vec<_> = told.iter().map(|segment| segment.text.trim().trim_end_matches('.')).collect();
        Some(format!("{}.", parts.join(", then ")))
    }

    fn activity(&self, frames: &Range<usize>, share: f64) -> Vec<String> {
        match &self.take.activity {
            Some(activity)
                if overlap(&to_frames(activity.span), frames) as f64 >= share * frames.len() as f64 =>
            {
                let names = self.recipe.activities.get(&activity.captions).map_or(&[][..], Vec::as_slice);
                // Others elsewhere in the take; together its clips say them all.
                let first = 5 * frames.start + frames.len();
                let turn = names.iter().cycle().skip(first % names.len().max(1));
                turn.take(names.len().min(ACTIVITY_NAMES)).cloned().collect()
            }
            _ => Vec::new(),
        }
    }
}

fn to_frames([start, end]: [f64; 2]) -> Range<usize> {
    let frame = |seconds: f64| (seconds * f64::from(FPS)).round() as usize;
    frame(start)..frame(end).max(frame(start) + 1)
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> usize {
    a.end.min(b.end).saturating_sub(a.start.max(b.start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::bvh::RateConversion;
    use crate::motion::JOINTS;

    /// Frames 200 to 209 are cut out.
    const CUT: &str = r#"cuts = [{ frames = [200, 209], reason = "test" }]"#;

    /// A take of ten seconds: walking, then salsa, then nothing told.
    fn planned(cuts: &str) -> Vec<Clip> {
        named(&["salsa".to_owned()], cuts)
    }

    /// The same, the salsa called this.
    fn named(names: &[String], cuts: &str) -> Vec<Clip> {
        let recipe = Recipe::parse(&format!(
            r#"
            name = "test"
            min_clip = 40
            crops = [{{ frames = 60, stride = 30 }}]
            activities.salsa = {names:?}
            [[takes]]
            id = "a"
            person1 = "a.bvh"
            person2 = "b.bvh"
            mapping = "daz"
            split = "train"
            {cuts}
            speeds = [0.5]
            activity = {{ span = [2.0, 6.5], captions = "salsa" }}
            captions = ["all of it"]
            segments = [
              {{ start = 0.0, end = 1.0, text = "they walk." }},
              {{ start = 1.0, end = 3.0, text = "they hold hands." }},
              {{ start = 6.0, end = 7.5, text = "across the cut." }},
            ]
            "#
        ))
        .unwrap();
        let still = vec![[[0.0; 3]; JOINTS]; 300];
        let capture = Capture { persons: [still.clone(), still], rates: [RateConversion::Decimated(1); 2] };
        plan(&recipe, &recipe.takes[0], &capture)
    }

    fn find<'a>(clips: &'a [Clip], id: &str) -> &'a Clip {
        clips.iter().find(|clip| clip.id == id).unwrap_or_else(|| panic!("no clip {id}"))
    }

    #[test]
    fn every_stretch_is_a_clip_at_each_speed_and_the_only_kind_for_the_vq_vae() {
        let clips = planned(CUT);
        assert_eq!(find(&clips, "a-part2").frames, 210..300);
        assert_eq!(find(&clips, "a-part1-x0.5").speed, 0.5);
        assert!(clips.iter().all(|clip| clip.text_only != clip.id.contains("part")));
    }

    #[test]
    fn of_many_names_a_clip_has_some_and_its_neighbour_others() {
        let names: Vec<String> = (0..20).map(|number| format!("salsa {number}")).collect();
        let clips = named(&names, "");
        let [one, other] = ["a-f0060-n060", "a-f0090-n060"].map(|id| &find(&clips, id).captions);
        for captions in [one, other] {
            assert_eq!(captions.iter().filter(|caption| names.contains(caption)).count(), ACTIVITY_NAMES);
        }
        assert!(one.iter().all(|caption| !other.contains(caption)), "{one:?} {other:?}");
    }

    #[test]
    fn a_stretch_beside_a_cut_is_told_of_itself_and_a_whole_take_as_a_whole() {
        let clips = planned(CUT);
        assert_eq!(find(&clips, "a-part1").captions, ["they walk, then they hold hands.", "salsa"]);
        assert!(find(&clips, "a-part2").captions.is_empty(), "nothing is told of it");
        let clips = planned("");
        assert_eq!(find(&clips, "a").captions, ["all of it"], "salsa is less than half of it");
        // What is left of a take is not the take, though it is one stretch.
        let clips = planned(&CUT.replace("200", "90").replace("209", "299"));
        assert_eq!(find(&clips, "a").captions, ["they walk, then they hold hands."]);
    }

    #[test]
    fn segments_grow_to_the_shortest_clip_and_none_crosses_a_cut() {
        let clips = planned(CUT);
        assert_eq!(find(&clips, "a-seg01").frames, 0..40);
        assert_eq!(find(&clips, "a-seg02").frames, 30..90);
        assert!(!clips.iter().any(|clip| clip.id == "a-seg03"));
        assert!(clips.iter().all(|clip| clip.frames.end <= 200 || clip.frames.start >= 210));
    }

    #[test]
    fn crops_tell_the_segments_inside_them_and_the_activity_that_fills_them() {
        let clips = planned(CUT);
        assert_eq!(find(&clips, "a-f0000-n060").captions, ["they walk."]);
        assert_eq!(find(&clips, "a-f0030-n060").captions, ["they hold hands."]);
        assert_eq!(find(&clips, "a-f0060-n060").captions, ["salsa"]);
        assert!(!clips.iter().any(|clip| clip.id == "a-f0210-n060"), "nothing is told of it");
    }
}
