//! How many positions stay masked at each decoding step (InterMask spec §4.6).

/// For step `step` of `steps`: masked positions of a clip with `positions` positions, max(1, round(cos(πτ/2)·n)),
/// τ running from 0 to 1, ends included. Rounds half to even in f32, as the reference does.
pub fn masked_positions(step: usize, steps: usize, positions: usize) -> usize {
    let share = (time(step, steps) * std::f32::consts::PI * 0.5).cos();
    ((share * positions as f32).round_ties_even() as usize).max(1)
}

/// `torch.linspace(0, 1, steps)[step]`, which counts from the nearer end with a fused product: at two thirds of the way the
/// last bit decides whether half of an odd number rounds up.
fn time(step: usize, steps: usize) -> f32 {
    if steps == 1 {
        return 0.0;
    }
    let unit = 1.0 / (steps - 1) as f32;
    if step < steps / 2 { unit * step as f32 } else { (-unit).mul_add((steps - 1 - step) as f32, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_with_everything_and_ends_with_one() {
        for steps in [2, 10, 20, 64] {
            assert_eq!(masked_positions(0, steps, 220), 220);
            assert_eq!(masked_positions(steps - 1, steps, 220), 1);
            assert!(
                (1..steps).all(|s| masked_positions(s, steps, 220) <= masked_positions(s - 1, steps, 220))
            );
        }
        assert_eq!(masked_positions(0, 1, 160), 160);
        // cos(60°) as the reference has it is just below one half.
        assert_eq!(masked_positions(6, 10, 35), 17);
    }
}
