//! The predicate about moving in step.

use super::scene::{ANKLES, Actor, PELVIS, WRISTS};
use super::words::{Cast, Positive, Share, Who};
use crate::motion::FPS;
use serde::Deserialize;

/// Farthest that one motion is moved against the other, s.
const FARTHEST: f64 = 1.0;
/// Least deviation (m) of all channels together: two people who stand still are not in step.
const LEAST_MOTION: f64 = 0.05;

/// Both do the same at the same time, as it is or as in a mirror.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InStep {
    /// Best agreement at a delay of at most this; 0.2 s.
    within_s: Option<Positive>,
    /// Correlation at that delay; 0.5.
    correlation: Option<Share>,
}

impl InStep {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let [a, b] = cast.pair(Who::A);
        let frames = cast.scene.frames();
        let farthest = ((FARTHEST * f64::from(FPS)) as i64).min(frames as i64 / 2);
        let within = (self.within_s.map_or(0.2, |s| s.0) * f64::from(FPS)).round() as i64;
        let least = self.correlation.map_or(0.5, |share| share.0);
        let first = channels(a, frames, false);
        let alike = |mirrored: bool| {
            let second = channels(b, frames, mirrored);
            let best = (-farthest..=farthest)
                .filter_map(|lag| Some((lag, correlation(&first, &second, lag)?)))
                .max_by(|x, y| x.1.total_cmp(&y.1));
            best.is_some_and(|(lag, best)| lag.abs() <= within && best >= least)
        };
        alike(false) || alike(true)
    }
}

/// Hands and feet in the person's own frame and the height of the pelvis, one series each, metres.
fn channels(actor: &Actor, frames: usize, mirrored: bool) -> Vec<Vec<f64>> {
    let mut out: Vec<Vec<f64>> = vec![(0..frames).map(|t| actor.at(t, PELVIS)[1]).collect()];
    for pair in [WRISTS, ANKLES] {
        for side in 0..2 {
            let joint = pair[if mirrored { 1 - side } else { side }];
            let sign = if mirrored { -1.0 } else { 1.0 };
            let path: Vec<[f64; 3]> = (0..frames).map(|t| actor.own(t, actor.at(t, joint))).collect();
            out.push(path.iter().map(|p| sign * p[0]).collect());
            out.push(path.iter().map(|p| p[1]).collect());
            out.push(path.iter().map(|p| p[2]).collect());
        }
    }
    out
}

/// Correlation of all channels together where the second is looked at `lag` frames later; none where nothing moves.
fn correlation(first: &[Vec<f64>], second: &[Vec<f64>], lag: i64) -> Option<f64> {
    let (mut xy, mut xx, mut yy, mut count) = (0.0, 0.0, 0.0, 0usize);
    for (x, y) in first.iter().zip(second) {
        let overlap = x.len() - lag.unsigned_abs() as usize;
        let (from_x, from_y) = ((-lag).max(0) as usize, lag.max(0) as usize);
        let (x, y) = (&x[from_x..from_x + overlap], &y[from_y..from_y + overlap]);
        let mean = |v: &[f64]| v.iter().sum::<f64>() / overlap as f64;
        let (mean_x, mean_y) = (mean(x), mean(y));
        for (x, y) in x.iter().zip(y) {
            let (x, y) = (x - mean_x, y - mean_y);
            xy += x * y;
            xx += x * x;
            yy += y * y;
        }
        count = overlap;
    }
    let deviation = |sum: f64| (sum / count.max(1) as f64).sqrt();
    (deviation(xx) >= LEAST_MOTION && deviation(yy) >= LEAST_MOTION).then(|| xy / (xx * yy).sqrt())
}
