//! The losses of one frame that look at shape, bone lengths and rotations, each with its derivative (InterMask spec §3.5).

use super::losses::Criterion;
use crate::models::vqvae::BONES;
use crate::motion::JOINTS;

/// Lengths of the 21 bones of one frame, from its first 66 numbers, in the order of [`BONES`].
pub fn bone_lengths(frame: &[f32]) -> [f64; JOINTS - 1] {
    BONES.map(|(parent, child)| norm(bone(frame, parent, child)))
}

fn bone(frame: &[f32], parent: usize, child: usize) -> [f64; 3] {
    std::array::from_fn(|a| f64::from(frame[child * 3 + a]) - f64::from(frame[parent * 3 + a]))
}

/// Sum of the bone-length penalties of one frame; adds `weight` times their derivative to `out`.
pub(super) fn bones(c: Criterion, p: &[f32], g: &[f32], weight: f64, out: &mut [f32]) -> f64 {
    let mut sum = 0.0;
    for (parent, child) in BONES {
        let along = bone(p, parent, child);
        let length = norm(along);
        let d = length - norm(bone(g, parent, child));
        sum += c.value(d);
        if length > 0.0 {
            let slope = weight * c.slope(d) / length;
            for a in 0..3 {
                out[child * 3 + a] += (slope * along[a]) as f32;
                out[parent * 3 + a] -= (slope * along[a]) as f32;
            }
        }
    }
    sum
}

/// Angle (radians) between two 6D rotations; adds `weight` times its derivative to `out`.
///
/// With R = \[x y z\] as columns: cos θ = (tr(R_g R_pᵀ) − 1)/2 = (x·X + y·Y + z·Z − 1)/2, clamped to ±(1 − 1e-7).
/// The derivative is zero where the clamp holds or the two columns of the prediction are parallel.
pub(super) fn geodesic(p: &[f32], g: &[f32], weight: f64, out: &mut [f32]) -> f64 {
    const LIMIT: f64 = 1.0 - 1e-7;
    let (a, b) = (vec3(&p[..3]), vec3(&p[3..]));
    let m = norm(a).max(1e-8);
    let x = times(a, 1.0 / m);
    let cross_xb = cross(x, b);
    let n = norm(cross_xb).max(1e-8);
    let z = times(cross_xb, 1.0 / n);
    let y = cross(z, x);
    let gx = normalise(vec3(&g[..3]));
    let gz = normalise(cross(gx, vec3(&g[3..])));
    let gy = cross(gz, gx);
    let cosine = (dot(x, gx) + dot(y, gy) + dot(z, gz) - 1.0) / 2.0;
    let clamped = cosine.clamp(-LIMIT, LIMIT);
    if clamped == cosine && m > 1e-8 && n > 1e-8 {
        // dθ/d(trace) = −1/(2 sqrt(1 − cos²)), then back through y = z × x, z = norm(x × b), x = norm(a).
        let slope = -0.5 * weight / (1.0 - cosine * cosine).sqrt();
        let (dx, dy, dz) = (times(gx, slope), times(gy, slope), times(gz, slope));
        let dz = plus(dz, cross(x, dy));
        let dx = plus(dx, cross(dy, z));
        let d_cross = times(plus(dz, times(z, -dot(z, dz))), 1.0 / n);
        let dx = plus(dx, cross(b, d_cross));
        let db = cross(d_cross, x);
        let da = times(plus(dx, times(x, -dot(x, dx))), 1.0 / m);
        for k in 0..3 {
            out[k] += da[k] as f32;
            out[3 + k] += db[k] as f32;
        }
    }
    clamped.acos()
}

fn vec3(v: &[f32]) -> [f64; 3] {
    std::array::from_fn(|k| f64::from(v[k]))
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn norm(a: [f64; 3]) -> f64 {
    dot(a, a).sqrt()
}

fn times(a: [f64; 3], s: f64) -> [f64; 3] {
    a.map(|v| v * s)
}

fn plus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|k| a[k] + b[k])
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn normalise(a: [f64; 3]) -> [f64; 3] {
    times(a, 1.0 / norm(a).max(1e-8))
}
