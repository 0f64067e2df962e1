//! What a motion shows, as statements that hold of it, and what of that a decoded clip has lost.

use crate::error::{Error, Result};
use crate::eval::adherence::{Cast, Predicate, Scene};
use crate::motion::Pose;
use serde::Deserialize;

/// The statements and their checks, of which each is asked of either person as A.
pub(super) struct Statements {
    checks: Vec<Predicate>,
}

/// Which of [`Statements`] hold, with person 1 as A and then with person 2.
pub(super) type Shown = Vec<bool>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    checks: Vec<Predicate>,
}

impl Statements {
    /// Those of `statements.toml`.
    pub(super) fn all() -> Result<Self> {
        let Listed { checks } = toml::from_str(include_str!("statements.toml"))
            .map_err(|error| Error::internal("bad_statements", format!("statements.toml: {error}")))?;
        Ok(Self { checks })
    }

    /// What these people show, metres, y up.
    ///
    /// # Errors
    /// As [`Scene::new`].
    pub(super) fn shown(&self, people: [&[Pose]; 2]) -> Result<Shown> {
        let scene = Scene::new(people)?;
        let holds = |exchanged| {
            let cast = Cast { scene: &scene, exchanged };
            self.checks.iter().map(move |check| check.holds(cast))
        };
        Ok(holds(false).chain(holds(true)).collect())
    }
}

/// What all clips of a scene have in common: per statement the share of them of which it holds.
pub(super) fn common(all: &[&Shown]) -> Vec<f64> {
    let count = all.len().max(1) as f64;
    let statements = all.first().map_or(0, |shown| shown.len());
    (0..statements).map(|n| all.iter().filter(|shown| shown[n]).count() as f64 / count).collect()
}

/// How much of what a scene's clips have in common is not so in `shown`. A statement on which all of them agree weighs 1, one on which half
/// of them agree nothing: it is no part of what happens.
pub(super) fn lost(common: &[f64], shown: &Shown) -> f64 {
    let weight = |share: f64| (2.0 * share - 1.0).powi(2);
    let otherwise = common.iter().zip(shown).filter(|(share, holds)| (**share > 0.5) != **holds);
    otherwise.map(|(share, _)| weight(*share)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;

    #[test]
    fn a_hand_that_no_longer_goes_up_is_lost_and_what_clips_differ_in_is_not() {
        let statements = Statements::all().unwrap();
        let stands = vec![walk(1).positions[0]; 40];
        let other: Vec<Pose> = stands.iter().map(|pose| pose.map(|[x, y, z]| [x, y, z + 2.0])).collect();
        let mut raises = stands.clone();
        for pose in &mut raises[10..30] {
            pose[20][1] = pose[15][1] + 0.3;
        }
        let shown = |first: &[Pose]| statements.shown([first, &other]).unwrap();
        let (up, down) = (shown(&raises), shown(&stands));
        assert_ne!(up, down);
        let different = up.iter().zip(&down).filter(|(a, b)| a != b).count() as f64;
        // All clips raise it: what does not has lost that.
        let always = common(&[&up, &up, &up]);
        assert_eq!((lost(&always, &up), lost(&always, &down)), (0.0, different));
        // Half of them do: it is no part of what happens.
        let at_times = common(&[&up, &down]);
        assert_eq!((lost(&at_times, &up), lost(&at_times, &down)), (0.0, 0.0));
        // Person 2 as A is the second half.
        let exchanged = statements.shown([&other, &raises]).unwrap();
        let half = up.len() / 2;
        assert_eq!([&exchanged[half..], &exchanged[..half]].concat(), up);
    }

    #[test]
    fn too_short_a_clip_shows_nothing_that_can_be_told() {
        let pose = walk(1).positions;
        assert_eq!(
            Statements::all().unwrap().shown([&pose, &pose]).err().unwrap().code(),
            "motion_too_short"
        );
    }
}
