//! Edits of what nobody put onto the floor, and of what has no tokens.

use super::*;
use crate::motion::Pose;
use crate::motion::foot_fix::standing_height;
use crate::motion::splice::floors;

/// A motion as if it had been captured, on a floor at this height.
fn captured(model: &mut InterMask, height: f32) -> Source {
    let mut motion = source(model).foot_fixed.unwrap();
    for person in &mut motion.persons {
        let up = height - standing_height(&person.positions);
        person.positions.iter_mut().flatten().for_each(|p| p[1] += up);
    }
    Source { foot_fixed: Some(motion.clone()), motion, tokens: None }
}

#[test]
fn partners_and_windows_are_on_the_floor_that_is_there() {
    let mut model = mini();
    for height in [0.3, -0.9, 2.0] {
        let source = captured(&mut model, height);
        let made = edited(&mut model, &source, Task::React(React { kept: 0, role: 0 }), 5);
        for person in &made.shown().persons {
            let floor = standing_height(&person.positions);
            assert!((floor - height).abs() < 0.05, "a partner at {height}: {floor}");
        }
        let made = edited(&mut model, &source, Task::Window(window(32..64)), 5);
        for (new, old) in made.shown().persons.iter().zip(&source.motion.persons) {
            let floor = standing_height(&new.positions[32..64]);
            assert!((floor - height).abs() < 0.15, "a window at {height}: {floor}");
            assert_eq!(new.positions[..24], old.positions[..24]);
        }
    }
}

#[test]
fn what_a_model_made_stands_at_nought() {
    let mut model = mini();
    let mut made = source(&mut model);
    for task in [timeline(), Task::Window(window(200..240)), Task::Window(window(32..64))] {
        assert_eq!(floors(made.foot_fixed.as_ref().unwrap()), [0.0; 2], "before {task:?}");
        let Sample { motion, foot_fixed, tokens, .. } = edited(&mut model, &made, task, 5);
        made = Source { motion, foot_fixed, tokens };
    }
}

#[test]
fn variations_of_what_was_encoded_are_where_it_was() {
    let mut model = mini();
    let source = captured(&mut model, 0.0);
    let made = edited(&mut model, &source, Task::Vary(0.05), 5);
    // Where both people together are, on average, along the floor.
    let middle = |motion: &Motion| -> [f32; 2] {
        let poses: Vec<&Pose> = motion.persons.iter().flat_map(|person| &person.positions).collect();
        let mean = |c: usize| {
            poses.iter().map(|pose| pose.iter().map(|p| p[c]).sum::<f32>() / JOINTS as f32).sum::<f32>()
                / poses.len() as f32
        };
        [mean(0), mean(2)]
    };
    let (is, was) = (middle(&made.motion), middle(&source.motion));
    let off = (is[0] - was[0]).hypot(is[1] - was[1]);
    assert!(off < 0.005, "{off} m beside");
}
