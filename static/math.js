// Three-component vectors as plain arrays and column-major 4x4 matrices as Float32Array, only what the stage needs.

export const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const sub = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const scale = (a, k) => [a[0] * k, a[1] * k, a[2] * k];
/** a + k b */
export const madd = (a, b, k) => [a[0] + b[0] * k, a[1] + b[1] * k, a[2] + b[2] * k];
export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const cross = (a, b) => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
export const length = (a) => Math.hypot(a[0], a[1], a[2]);
export const mix = (a, b, t) => [
  a[0] + (b[0] - a[0]) * t,
  a[1] + (b[1] - a[1]) * t,
  a[2] + (b[2] - a[2]) * t,
];
export const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

/** Unit vector along `a`, or `fallback` where `a` has no direction. */
export function unit(a, fallback = [0, 1, 0]) {
  const l = length(a);
  return l > 1e-6 ? scale(a, 1 / l) : fallback;
}

/** The part of `a` at right angles to the unit vector `n`. */
export const reject = (a, n) => madd(a, n, -dot(a, n));

/** Shortest distance between the segments p0-p1 and q0-q1 (Ericson, Real-Time Collision Detection, 5.1.9). */
export function segmentDistance(p0, p1, q0, q1) {
  const d1 = sub(p1, p0);
  const d2 = sub(q1, q0);
  const r = sub(p0, q0);
  const a = dot(d1, d1);
  const e = dot(d2, d2);
  const f = dot(d2, r);
  const c = dot(d1, r);
  const b = dot(d1, d2);
  const denominator = a * e - b * b;
  let s = denominator > 1e-9 ? clamp((b * f - c * e) / denominator, 0, 1) : 0;
  let t = e > 1e-9 ? (b * s + f) / e : 0;
  if (t < 0) {
    t = 0;
    s = a > 1e-9 ? clamp(-c / a, 0, 1) : 0;
  } else if (t > 1) {
    t = 1;
    s = a > 1e-9 ? clamp((b - c) / a, 0, 1) : 0;
  }
  return length(sub(madd(p0, d1, s), madd(q0, d2, t)));
}

/** m n */
export function multiply(m, n) {
  const out = new Float32Array(16);
  for (let column = 0; column < 4; column++) {
    for (let row = 0; row < 4; row++) {
      let sum = 0;
      for (let k = 0; k < 4; k++) sum += m[k * 4 + row] * n[column * 4 + k];
      out[column * 4 + row] = sum;
    }
  }
  return out;
}

export function perspective(fovy, aspect, near, far) {
  const f = 1 / Math.tan(fovy / 2);
  const out = new Float32Array(16);
  out[0] = f / aspect;
  out[5] = f;
  out[10] = (far + near) / (near - far);
  out[11] = -1;
  out[14] = (2 * far * near) / (near - far);
  return out;
}

/** A box `half` metres to each side and from `near` to `far` along the view. */
export function orthographic(half, near, far) {
  const out = new Float32Array(16);
  out[0] = 1 / half;
  out[5] = 1 / half;
  out[10] = -2 / (far - near);
  out[14] = -(far + near) / (far - near);
  out[15] = 1;
  return out;
}

export function lookAt(eye, target, up) {
  const z = unit(sub(eye, target), [0, 0, 1]);
  const x = unit(cross(up, z), [1, 0, 0]);
  const y = cross(z, x);
  return new Float32Array([
    x[0], y[0], z[0], 0,
    x[1], y[1], z[1], 0,
    x[2], y[2], z[2], 0,
    -dot(x, eye), -dot(y, eye), -dot(z, eye), 1,
  ]);
}

/** Where the matrix `m` puts a point on the screen, as [-1..1, -1..1] and the distance along the view, or null behind the eye. */
export function project(m, [x, y, z]) {
  const row = (i) => m[i] * x + m[4 + i] * y + m[8 + i] * z + m[12 + i];
  const w = row(3);
  return w > 1e-3 ? [row(0) / w, row(1) / w, w] : null;
}
