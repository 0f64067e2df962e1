//! e^x in a form that compilers turn into vector code.

/// e^x for x <= 0, relative error about 2e-7; 0 below -87, where f32 runs out of normal numbers.
#[inline(always)]
pub fn exp_negative(x: f32) -> f32 {
    // e^x = 2^n·e^f with |f| <= ln(2)/2 and the Taylor series of e^f.
    let t = x.max(-87.0) * std::f32::consts::LOG2_E;
    // Adding and taking away 1.5·2²³ rounds to the nearest integer in plain additions, which every CPU does in vectors.
    const ROUND: f32 = 12_582_912.0;
    let n = (t + ROUND) - ROUND;
    let f = (t - n) * std::f32::consts::LN_2;
    let p = 1.0 + f * (1.0 + f * (0.5 + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0 + f / 720.0)))));
    let e = f32::from_bits(((n as i32 + 127) << 23) as u32) * p;
    if x < -87.0 { 0.0 } else { e }
}
