//! e^x in a form that compilers turn into vector code.

/// e^x for x <= 0, relative error about 2e-7; 0 below -87, where f32 runs out of normal numbers.
#[inline(always)]
pub fn exp_negative(x: f32) -> f32 {
    // e^x = 2^n·e^f with |f| <= ln(2)/2 and the Taylor series of e^f. Adding 1.5·2²³ rounds to the nearest integer and
    // leaves it in the low bits, so that neither rounding nor conversion needs an instruction of its own.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts (Cody and Waite): n times the first is exact, so that f keeps its digits however large x is.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let within = if x > -87.0 { x } else { -87.0 };
    let rounded = within * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let f = (within - n * LN_2_HIGH) - n * LN_2_LOW;
    let p = 1.0 + f * (1.0 + f * (0.5 + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0 + f / 720.0)))));
    let power = rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    let e = f32::from_bits(power) * p;
    // 0·x adds nothing to a number and keeps what is not one.
    if x < -87.0 { 0.0 } else { e + 0.0 * x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_exponential() {
        for i in 0..=8700 {
            let x = -(i as f32) * 0.01;
            let exact = f64::from(x).exp();
            assert!(((f64::from(exp_negative(x)) - exact) / exact).abs() < 5e-7, "{x}");
        }
        assert_eq!(exp_negative(0.0), 1.0);
        assert_eq!(exp_negative(f32::NEG_INFINITY), 0.0);
        assert!(exp_negative(f32::NAN).is_nan());
    }
}
