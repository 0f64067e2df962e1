//! Rotations: unit quaternions (w, x, y, z), matrices, the two 6D orders, angles. All arithmetic in f64.

use super::eigen::symmetric_eigen;
use super::vector::{Vec3d, add, cross, dot, norm, scale, sub, unit};

/// Row-major 3x3 matrix: `m[row][column]`.
pub type Mat3 = [[f64; 3]; 3];

/// The order in which six numbers hold the first two columns of a rotation matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SixD {
    /// First column, then second column: `r00 r10 r20 r01 r11 r21`. InterMask's losses read frames this way.
    Columns,
    /// The 3x2 block row by row: `r00 r01 r10 r11 r20 r21`. InterHuman's files are written this way (its authors say so
    /// in tr3e/InterGen issue 29, and negating entries 1, 2, 4 mirrors exactly only in this order), hence also everything a
    /// model trained on them puts out. The house keeps frames in this order.
    Interleaved,
}

impl SixD {
    /// Position within the six numbers of `matrix[row][column]`, column 0 or 1.
    const fn at(self, row: usize, column: usize) -> usize {
        match self {
            Self::Columns => 3 * column + row,
            Self::Interleaved => 2 * row + column,
        }
    }

    /// The rotation that six raw numbers mean (InterMask spec §1): x = normalised first column,
    /// z = normalise(x × raw second column), y = z × x. `None` where the columns are zero, parallel or not finite.
    pub fn decode(self, six: [f32; 6]) -> Option<Mat3> {
        let column = |c: usize| -> Vec3d { std::array::from_fn(|r| f64::from(six[self.at(r, c)])) };
        let x = unit(column(0))?;
        let z = unit(cross(x, unit(column(1))?))?;
        let y = cross(z, x);
        Some(std::array::from_fn(|r| [x[r], y[r], z[r]]))
    }

    /// The first two columns of `m` in this order.
    pub fn encode(self, m: &Mat3) -> [f32; 6] {
        let mut six = [0.0; 6];
        for (row, entries) in m.iter().enumerate() {
            six[self.at(row, 0)] = entries[0] as f32;
            six[self.at(row, 1)] = entries[1] as f32;
        }
        six
    }
}

/// Angle of the rotation between two rotation matrices, radians in 0..=π: acos((tr(A Bᵀ) − 1) / 2), clamped.
pub fn geodesic(a: &Mat3, b: &Mat3) -> f64 {
    let trace: f64 = (0..3).map(|r| dot(a[r], b[r])).sum();
    ((trace - 1.0) / 2.0).clamp(-1.0, 1.0).acos()
}

/// A unit quaternion, w first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quat {
    /// Real part.
    pub w: f64,
    /// Imaginary parts.
    pub v: [f64; 3],
}

impl Quat {
    /// No rotation.
    pub const IDENTITY: Self = Self { w: 1.0, v: [0.0; 3] };

    /// The unit quaternion in the direction of (w, x, y, z); `None` where that is zero or not finite.
    pub fn new(w: f64, x: f64, y: f64, z: f64) -> Option<Self> {
        let length = (w * w + x * x + y * y + z * z).sqrt();
        (length.is_finite() && length > 1e-12)
            .then(|| Self { w: w / length, v: [x / length, y / length, z / length] })
    }

    /// Rotation by `angle` radians about `axis` (any length); the identity where the axis has no direction.
    pub fn about(axis: [f64; 3], angle: f64) -> Self {
        let (sin, cos) = (angle / 2.0).sin_cos();
        unit(axis).map_or(Self::IDENTITY, |axis| Self { w: cos, v: scale(axis, sin) })
    }

    /// The shortest rotation that takes the direction of `from` to that of `to`.
    ///
    /// Opposite directions have no single shortest arc: then it is half a turn about the perpendicular nearest to the y axis
    /// (upstream divides zero by zero there). A vector without direction gives the identity.
    pub fn between(from: [f64; 3], to: [f64; 3]) -> Self {
        let (Some(a), Some(b)) = (unit(from), unit(to)) else { return Self::IDENTITY };
        let w = 1.0 + dot(a, b);
        if w < 1e-12 {
            let up = if a[1].abs() < 0.9 { [0.0, 1.0, 0.0] } else { [1.0, 0.0, 0.0] };
            return Self::about(sub(up, scale(a, dot(a, up))), std::f64::consts::PI);
        }
        let v = cross(a, b);
        Self::new(w, v[0], v[1], v[2]).unwrap_or(Self::IDENTITY)
    }

    /// The inverse rotation.
    #[must_use]
    pub fn inverse(self) -> Self {
        Self { w: self.w, v: scale(self.v, -1.0) }
    }

    /// This rotation after `first`: (self · first)(p) = self(first(p)).
    #[must_use]
    pub fn after(self, first: Self) -> Self {
        let (a, b) = (self, first);
        let v = add(add(scale(b.v, a.w), scale(a.v, b.w)), cross(a.v, b.v));
        Self { w: a.w * b.w - dot(a.v, b.v), v }
    }

    /// `p` rotated.
    pub fn rotate(self, p: [f64; 3]) -> [f64; 3] {
        let uv = cross(self.v, p);
        add(p, scale(add(scale(uv, self.w), cross(self.v, uv)), 2.0))
    }

    /// Angle between two rotations, radians in 0..=π.
    pub fn angle_to(self, other: Self) -> f64 {
        let d = self.inverse().after(other);
        2.0 * norm(d.v).atan2(d.w.abs())
    }

    /// The rotation `share` (0..=1) of the way from this one to `other`, along the shorter arc at a constant rate.
    #[must_use]
    pub fn slerp(self, other: Self, share: f64) -> Self {
        let other = other.near(self);
        let angle = norm(self.inverse().after(other).v).atan2(self.dot(other));
        let sine = angle.sin();
        // Below this the arc is straight to rounding, and its sine is no good to divide by.
        let (a, b) = if sine < 1e-6 {
            (1.0 - share, share)
        } else {
            (((1.0 - share) * angle).sin() / sine, (share * angle).sin() / sine)
        };
        let v = add(scale(self.v, a), scale(other.v, b));
        Self::new(self.w * a + other.w * b, v[0], v[1], v[2]).unwrap_or(self)
    }

    /// A share of this rotation, from none at 0 to all at 1, by the straight line between the quaternions. Of the two quaternions of
    /// a rotation one goes the short way and the other the long way round. Small changes of the rotation stay small, also where
    /// the long way becomes a full turn, whose axis could be any; but for the half of a full turn, which is none.
    #[must_use]
    pub fn part(self, share: f64) -> Self {
        let v = scale(self.v, share);
        Self::new(1.0 - share + share * self.w, v[0], v[1], v[2]).unwrap_or(Self::IDENTITY)
    }

    /// The same rotation, of its two quaternions the one nearer to `other`: what component-wise interpolation needs.
    #[must_use]
    pub fn near(self, other: Self) -> Self {
        if self.dot(other) < 0.0 { Self { w: -self.w, v: scale(self.v, -1.0) } } else { self }
    }

    fn dot(self, other: Self) -> f64 {
        self.w * other.w + dot(self.v, other.v)
    }

    /// The rotation matrix.
    pub fn to_matrix(self) -> Mat3 {
        let columns =
            [self.rotate([1.0, 0.0, 0.0]), self.rotate([0.0, 1.0, 0.0]), self.rotate([0.0, 0.0, 1.0])];
        std::array::from_fn(|r| std::array::from_fn(|c| columns[c][r]))
    }

    /// The quaternion of a rotation matrix, w ≥ 0.
    pub fn from_matrix(m: &Mat3) -> Self {
        // Shepperd: build from the largest of the four squared components, so that nothing divides by a small number.
        let trace = m[0][0] + m[1][1] + m[2][2];
        let squares = [
            1.0 + trace,
            1.0 + 2.0 * m[0][0] - trace,
            1.0 + 2.0 * m[1][1] - trace,
            1.0 + 2.0 * m[2][2] - trace,
        ];
        let largest = (1..4).fold(0, |best, i| if squares[i] > squares[best] { i } else { best });
        let [wx, wy, wz] = [m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1]];
        let [xy, xz, yz] = [m[0][1] + m[1][0], m[0][2] + m[2][0], m[1][2] + m[2][1]];
        let s = squares[largest];
        let [w, x, y, z] = [[s, wx, wy, wz], [wx, s, xy, xz], [wy, xy, s, yz], [wz, xz, yz, s]][largest];
        let sign = if w < 0.0 { -1.0 } else { 1.0 };
        Self::new(sign * w, sign * x, sign * y, sign * z).unwrap_or(Self::IDENTITY)
    }

    /// The rotation vector: axis times angle, radians, at most π long.
    pub fn to_vector(self) -> [f64; 3] {
        let turn = if self.w < 0.0 { Self { w: -self.w, v: scale(self.v, -1.0) } } else { self };
        let sine = norm(turn.v);
        // Of a small angle the sine is half the angle, and no good to divide by.
        let stretch = if sine < 1e-9 { 2.0 } else { 2.0 * sine.atan2(turn.w) / sine };
        scale(turn.v, stretch)
    }

    /// (w, x, y, z) in f32.
    pub fn to_array(self) -> [f32; 4] {
        [self.w as f32, self.v[0] as f32, self.v[1] as f32, self.v[2] as f32]
    }
}

/// The rotation R that best takes each `from` to its `to`: the maximum of Σ to·R(from) (Davenport's q-method).
///
/// Pairs weigh by the product of their lengths. `None` where the pairs say nothing (empty, zero or not finite).
pub fn best_fit(pairs: impl IntoIterator<Item = ([f64; 3], [f64; 3])>) -> Option<Quat> {
    let mut b = [[0.0; 3]; 3];
    for (from, to) in pairs {
        for r in 0..3 {
            for c in 0..3 {
                b[r][c] += to[r] * from[c];
            }
        }
    }
    let size: f64 = b.iter().flatten().map(|v| v.abs()).sum();
    if !size.is_finite() || size < 1e-18 {
        return None;
    }
    let b = b.map(|row| row.map(|v| v / size));
    let trace = b[0][0] + b[1][1] + b[2][2];
    let z = [b[2][1] - b[1][2], b[0][2] - b[2][0], b[1][0] - b[0][1]];
    let mut k = [[0.0; 4]; 4];
    k[0][0] = trace;
    for i in 0..3 {
        k[0][i + 1] = z[i];
        k[i + 1][0] = z[i];
        for j in 0..3 {
            k[i + 1][j + 1] = b[i][j] + b[j][i] - if i == j { trace } else { 0.0 };
        }
    }
    let [w, x, y, z] = dominant_eigenvector(k);
    Quat::new(w, x, y, z)
}

/// Eigenvector of the largest eigenvalue of a symmetric 4x4 matrix.
fn dominant_eigenvector(k: [[f64; 4]; 4]) -> [f64; 4] {
    let (values, vectors) = symmetric_eigen(k);
    let top = (1..4).fold(0, |best, i| if values[i] > values[best] { i } else { best });
    std::array::from_fn(|i| vectors[i][top])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quat() -> impl Strategy<Value = Quat> {
        prop::array::uniform4(-1.0f64..1.0).prop_filter_map("short", |[w, x, y, z]| {
            (w * w + x * x + y * y + z * z > 0.01).then(|| Quat::new(w, x, y, z)).flatten()
        })
    }

    fn vector() -> impl Strategy<Value = [f64; 3]> {
        prop::array::uniform3(-2.0f64..2.0)
    }

    fn close(a: [f64; 3], b: [f64; 3]) -> bool {
        norm(sub(a, b)) < 1e-6
    }

    proptest! {
        #[test]
        fn six_numbers_and_back(q in quat()) {
            let m = q.to_matrix();
            for order in [SixD::Columns, SixD::Interleaved] {
                let back = order.decode(order.encode(&m)).expect("a rotation");
                prop_assert!(geodesic(&m, &back) < 1e-3, "{}", geodesic(&m, &back));
                for (a, b) in m.iter().flatten().zip(back.iter().flatten()) {
                    prop_assert!((a - b).abs() < 1e-6);
                }
            }
        }

        #[test]
        fn matrix_and_quaternion_agree(q in quat(), r in quat(), p in vector()) {
            prop_assert!(Quat::from_matrix(&q.to_matrix()).angle_to(q) < 1e-7);
            prop_assert!(close(q.after(r).rotate(p), q.rotate(r.rotate(p))));
            prop_assert!(close(q.inverse().rotate(q.rotate(p)), p));
            let vector = q.to_vector();
            prop_assert!(norm(vector) <= std::f64::consts::PI + 1e-9);
            prop_assert!(Quat::about(vector, norm(vector)).angle_to(q) < 1e-7);
            prop_assert!((q.angle_to(r) - geodesic(&q.to_matrix(), &r.to_matrix())).abs() < 1e-5);
        }

        #[test]
        fn slerp_goes_the_short_way_at_a_constant_rate(q in quat(), r in quat(), share in 0.0f64..=1.0) {
            let between = q.slerp(r, share);
            let whole = q.angle_to(r);
            prop_assert!((q.angle_to(between) - share * whole).abs() < 1e-6);
            prop_assert!((between.angle_to(r) - (1.0 - share) * whole).abs() < 1e-6);
        }

        #[test]
        fn parts_lie_on_the_way_that_the_sign_says(q in quat(), share in 0.0f64..=1.0) {
            let angle = |q: Quat| 2.0 * norm(q.v).atan2(q.w);
            prop_assume!(angle(q) < 6.0);
            let (part, rest) = (q.part(share), q.part(1.0 - share));
            prop_assert!((angle(part) + angle(rest) - angle(q)).abs() < 1e-6);
            prop_assert!(part.after(rest).angle_to(q) < 1e-6);
        }

        #[test]
        fn the_shortest_arc_arrives(a in vector(), b in vector()) {
            prop_assume!(norm(a) > 0.1 && norm(b) > 0.1);
            let q = Quat::between(a, b);
            prop_assert!(close(unit(q.rotate(a)).unwrap(), unit(b).unwrap()));
            let back = Quat::between(a, scale(a, -1.0));
            prop_assert!(close(back.rotate(a), scale(a, -1.0)));
        }

        #[test]
        fn best_fit_recovers_a_rotation(q in quat(), p in prop::array::uniform3(vector())) {
            prop_assume!(norm(cross(p[0], p[1])) > 0.1);
            let fit = best_fit(p.map(|v| (v, q.rotate(v)))).expect("vectors");
            prop_assert!(fit.angle_to(q) < 1e-6, "{}", fit.angle_to(q));
        }
    }

    #[test]
    fn the_two_orders_hold_the_columns_where_they_say() {
        let turn = Quat::about([0.0, 0.0, 1.0], std::f64::consts::FRAC_PI_2).to_matrix();
        // x goes to y, y goes to -x.
        assert_eq!(SixD::Columns.encode(&turn).map(f32::round), [0.0, 1.0, 0.0, -1.0, 0.0, 0.0]);
        assert_eq!(SixD::Interleaved.encode(&turn).map(f32::round), [0.0, -1.0, 1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn directionless_input_is_named_not_nan() {
        assert!(Quat::new(0.0, 0.0, 0.0, 0.0).is_none());
        assert!(Quat::new(f64::NAN, 0.0, 0.0, 0.0).is_none());
        assert_eq!(Quat::between([0.0; 3], [1.0, 0.0, 0.0]), Quat::IDENTITY);
        assert_eq!(Quat::about([0.0; 3], 1.0), Quat::IDENTITY);
        assert!(best_fit([([0.0; 3], [1.0, 0.0, 0.0])]).is_none());
        for six in [[0.0; 6], [1.0, 0.0, 0.0, 2.0, 0.0, 0.0], [f32::NAN; 6]] {
            assert!(SixD::Columns.decode(six).is_none());
        }
    }
}
