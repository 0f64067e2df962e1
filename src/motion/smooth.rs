//! Gaussian smoothing of joint positions over time (InterMask spec §5).

use super::{JOINTS, Pose};

/// Standard deviation upstream smooths with, frames.
pub const SIGMA: f64 = 1.0;
/// How far the kernel reaches to either side, frames: four standard deviations.
pub const RADIUS: usize = 4;

/// Positions smoothed in time with `sigma` = [`SIGMA`] and `radius` = [`RADIUS`].
pub fn smooth(positions: &[Pose]) -> Vec<Pose> {
    gaussian(positions, SIGMA, RADIUS)
}

/// As [`smooth`], but beyond its ends motion goes on as it came: the frames before the first are those after it, mirrored at it. Where
/// ends repeat, who walks is stopped within the last two frames. Ours, not upstream's.
pub fn smooth_through(positions: &[Pose]) -> Vec<Pose> {
    let Some(last) = positions.len().checked_sub(1) else { return Vec::new() };
    let mirrored = |end: usize, other: usize| -> Pose {
        let (end, other) = (&positions[end], &positions[other]);
        std::array::from_fn(|j| std::array::from_fn(|c| 2.0 * end[j][c] - other[j][c]))
    };
    let before = (1..=RADIUS).rev().map(|i| mirrored(0, i.min(last)));
    let after = (1..=RADIUS).map(|i| mirrored(last, last.saturating_sub(i)));
    let through: Vec<Pose> = before.chain(positions.iter().copied()).chain(after).collect();
    smooth(&through)[RADIUS..=RADIUS + last].to_vec()
}

/// Each coordinate of each joint convolved with a Gaussian of `sigma` frames cut at ±`radius` and normalised to sum 1;
/// beyond the ends the first and last frames repeat. Sums in f64, results in f32, as scipy's filter on f32.
///
/// Works for any length, also shorter than the kernel; `sigma` must be positive.
pub fn gaussian(positions: &[Pose], sigma: f64, radius: usize) -> Vec<Pose> {
    let half: Vec<f64> = (0..=radius).map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp()).collect();
    let total = half[0] + 2.0 * half[1..].iter().sum::<f64>();
    let Some(last) = positions.len().checked_sub(1) else { return Vec::new() };
    (0..=last)
        .map(|t| {
            let mut pose = [[0.0; 3]; JOINTS];
            for (j, joint) in pose.iter_mut().enumerate() {
                for (c, value) in joint.iter_mut().enumerate() {
                    let at = |t: usize| f64::from(positions[t][j][c]);
                    let sides: f64 = (1..=radius)
                        .map(|i| half[i] * (at(t.saturating_sub(i)) + at((t + i).min(last))))
                        .sum();
                    *value = ((half[0] * at(t) + sides) / total) as f32;
                }
            }
            pose
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stillness_stays_and_an_impulse_becomes_the_kernel() {
        let still = vec![[[0.3, 1.2, -0.7]; JOINTS]; 6];
        for (a, b) in smooth(&still).iter().flatten().flatten().zip(still.iter().flatten().flatten()) {
            assert!((a - b).abs() < 1e-6);
        }
        let mut impulse = vec![[[0.0; 3]; JOINTS]; 11];
        impulse[5][3][1] = 1.0;
        let out = smooth(&impulse);
        let kernel: Vec<f32> = out.iter().map(|p| p[3][1]).collect();
        assert!((kernel.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        // exp(-1/2) between neighbours, zero beyond four frames, nothing leaks to other channels.
        assert!((kernel[6] / kernel[5] - (-0.5f32).exp()).abs() < 1e-6);
        assert_eq!((kernel[0], kernel[10]), (0.0, 0.0));
        assert!(out.iter().all(|p| p[3][0] == 0.0 && p[4][1] == 0.0));
    }

    #[test]
    fn who_walks_out_of_the_clip_is_not_stopped() {
        let walk: Vec<Pose> = (0..12).map(|t| [[0.0, 0.9, 0.045 * t as f32]; JOINTS]).collect();
        let steps = |poses: &[Pose]| -> Vec<f32> {
            poses.windows(2).map(|two| two[1][0][2] - two[0][0][2]).collect()
        };
        assert!(steps(&smooth_through(&walk)).iter().all(|step| (step - 0.045).abs() < 1e-5));
        // Upstream's ends.
        assert!(steps(&smooth(&walk))[0] < 0.035);
    }

    #[test]
    fn short_clips_and_none_at_all() {
        assert!(smooth_through(&[]).is_empty());
        assert!(smooth(&[]).is_empty());
        let one = [[[1.0, 2.0, 3.0]; JOINTS]];
        assert!((smooth(&one)[0][0][2] - 3.0).abs() < 1e-6);
        assert!((smooth_through(&one)[0][0][2] - 3.0).abs() < 1e-6);
        assert_eq!(smooth_through(&[one[0]; 3]).len(), 3);
    }
}
