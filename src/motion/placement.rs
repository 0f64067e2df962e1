//! A motion taken into the frame that models know, and results put back to where it was.

use super::canonical::canonicalise_pair;
use super::contact::ContactRule;
use super::rotation::Quat;
use super::vector::{add, narrow, widen};
use super::{Features, Motion, Person, Pose, RawPerson, Vec3};
use crate::error::Result;

/// Where a canonical pair stands in the world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// From the world to the canonical frame, about y.
    turn: Quat,
    /// The canonical origin in the world, y = 0.
    origin: Vec3,
    /// Height of each person's floor in the world.
    floors: [f32; 2],
}

impl Placement {
    /// The canonical frame is the world.
    pub const HERE: Self = Self { turn: Quat::IDENTITY, origin: [0.0; 3], floors: [0.0; 2] };

    /// Both persons as canonical features (InterMask spec §1.2, §1.3) of as many frames, not normalised, and the way back.
    /// The frame that canonicalisation takes away at the end is put there first: the last step is done once more.
    ///
    /// # Errors
    /// As [`canonicalise_pair`].
    pub fn canonicalise(motion: &Motion) -> Result<([Features; 2], Self)> {
        let raw = motion.persons.each_ref().map(|person| RawPerson::from_y_up(&one_step_more(person)));
        let pair = canonicalise_pair([&raw[0], &raw[1]], &ContactRule::default())?;
        let floors = motion.persons.each_ref().map(|person| lowest(&one_step_more(person).positions));
        let first = &pair.alone[0];
        Ok((pair.features, Self { turn: first.turn, origin: first.origin, floors }))
    }

    /// Person `who` (0 or 1) of the canonical pair, in the world.
    pub fn back(&self, person: &Person, who: usize) -> Person {
        if *self == Self::HERE {
            return person.clone();
        }
        let back = self.turn.inverse();
        let shift = [self.origin[0], self.floors[who], self.origin[2]].map(f64::from);
        let put = |pose: &Pose| pose.map(|p| narrow(add(back.rotate(widen(p)), shift)));
        Person { positions: person.positions.iter().map(put).collect(), rotations: person.rotations.clone() }
    }
}

fn one_step_more(person: &Person) -> Person {
    let mut person = person.clone();
    if let ([.., before, last], Some(rotations)) = (&person.positions[..], person.rotations.last()) {
        let next = std::array::from_fn(|j| std::array::from_fn(|c| 2.0 * last[j][c] - before[j][c]));
        let rotations = *rotations;
        person.positions.push(next);
        person.rotations.push(rotations);
    }
    person
}

fn lowest(positions: &[Pose]) -> f32 {
    positions.iter().flatten().map(|p| p[1]).fold(f32::INFINITY, f32::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;
    use crate::motion::vector::{norm, sub};

    #[test]
    fn there_and_back() {
        let moved = |angle: f64, shift: [f64; 3]| {
            let turn = Quat::about([0.0, 1.0, 0.0], angle);
            let mut person = walk(20);
            for p in person.positions.iter_mut().flatten() {
                *p = narrow(add(turn.rotate(widen(*p)), shift));
            }
            person
        };
        let motion = Motion { persons: [moved(2.0, [1.0, 0.1, -3.0]), moved(-1.0, [0.5, 0.0, -2.0])] };
        let (features, placement) = Placement::canonicalise(&motion).unwrap();
        assert_eq!(features[0].frames(), 20);
        assert!(features[0].positions()[0][0][0].abs() < 1e-5, "person 1 begins at the origin");
        for (who, (features, person)) in features.iter().zip(&motion.persons).enumerate() {
            let back = placement.back(&features.to_person(), who);
            assert_eq!(back.rotations, person.rotations);
            for (a, b) in back.positions.iter().flatten().zip(person.positions.iter().flatten()) {
                assert!(norm(sub(widen(*a), widen(*b))) < 1e-4, "{a:?} {b:?}");
            }
        }
        assert_eq!(Placement::HERE.back(&motion.persons[0], 0), motion.persons[0]);
    }
}
