//! Pictures of every gesture over captured people, for eyes: set `DUET_GESTURE_SHEETS` to a folder and `DUET_CMU_SINGLE` to a
//! copy of the CMU single-person takes in BVH. Skipped, and says so, where either is absent.

use super::tests::made;
use super::*;
use crate::data::compose::scene::Track;
use crate::formats::bvh::{Bvh, Mapping};
use crate::motion::vector::narrow;
use crate::motion::{JOINTS, Motion, Person};
use crate::render::{Sheet, contact_sheet};
use std::path::Path;

struct Captured {
    standing: Vec<Track>,
    walking: Vec<Track>,
}

fn read(folder: &Path, take: &str, [from, to]: [f64; 2]) -> Track {
    let mapping = Mapping::builtin("daz").unwrap().with_scale(0.010547).unwrap().with_drop(9);
    let bvh = Bvh::read(&folder.join(format!("{take}.bvh.gz"))).unwrap();
    let all = mapping.bind(&bvh).and_then(|bound| bound.convert()).unwrap().positions;
    let [from, to] = [from, to].map(|s| ((s * 30.0) as usize).min(all.len()));
    let lowest = all.iter().flat_map(|p| [p[10][1], p[11][1]]).fold(f64::INFINITY, f64::min);
    let (first, last) = (&all[from], &all[to - 1]);
    let way = [last[0][0] - first[0][0], last[0][2] - first[0][2]];
    let turn = if way[0].hypot(way[1]) > 1.0 { way[0].atan2(way[1]) } else { pose::heading(first) };
    let start = first[0];
    let moved = |p: &crate::data::capture::Joints| {
        let shifted = p.map(|j| [j[0] - start[0], j[1] - lowest, j[2] - start[2]]);
        pose::placed(&shifted, -turn, [0.0; 3])
    };
    all[from..to].iter().map(moved).collect()
}

impl Bases for Captured {
    fn standing(&self, draws: &mut Draws) -> Track {
        draws.choice(&self.standing).clone()
    }
    fn walking(&self, draws: &mut Draws) -> Track {
        draws.choice(&self.walking).clone()
    }
}

#[test]
fn sheets_for_eyes() {
    let (Ok(out), Ok(data)) = (std::env::var("DUET_GESTURE_SHEETS"), std::env::var("DUET_CMU_SINGLE")) else {
        eprintln!(
            "SKIPPED: set DUET_GESTURE_SHEETS and DUET_CMU_SINGLE to draw gestures over captured people"
        );
        return;
    };
    let folder = Path::new(&data);
    let standing =
        [("10_01", [0.0, 3.8]), ("13_11", [0.0, 1.1]), ("10_02", [0.0, 1.8]), ("14_33", [0.0, 0.9])];
    let walking =
        [("07_01", [0.0, 2.5]), ("07_03", [0.0, 3.3]), ("08_04", [0.0, 3.9]), ("12_01", [0.0, 4.2])];
    let bases: Arc<dyn Bases> = Arc::new(Captured {
        standing: standing.map(|(take, span)| read(folder, take, span)).to_vec(),
        walking: walking.map(|(take, span)| read(folder, take, span)).to_vec(),
    });
    let only = std::env::var("DUET_GESTURE_ONLY").unwrap_or_default();
    for source in sources(&bases, |_| 1.0).iter().filter(|s| s.family().contains(&only)) {
        for seed in 0..2 {
            let scene = made(source.as_ref(), seed);
            let quarter = std::f64::consts::FRAC_PI_4;
            let persons = scene.tracks.clone().map(|track| Person {
                rotations: vec![[[0.0; 6]; JOINTS - 1]; track.len()],
                positions: track.iter().map(|p| pose::placed(p, quarter, [0.0; 3]).map(narrow)).collect(),
            });
            let sheet =
                contact_sheet(&Motion { persons }, Sheet { pictures: 16, ..Sheet::default() }).unwrap();
            let name = format!("{}_{seed}.png", source.family().replace(' ', "_"));
            std::fs::write(Path::new(&out).join(name), sheet.png().unwrap()).unwrap();
            println!("{} {seed}: {} frames; {:?}", source.family(), scene.tracks[0].len(), scene.facts);
        }
    }
}
