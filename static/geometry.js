// The one solid everything is built from: a round cone, the hull of two spheres. Its vertices carry no position, only
// where they sit on the hull; the vertex shader places them for each limb.

const AROUND = 28;
const RINGS = 7;

/** Vertices of (end 0 or 1, latitude 0..1 within that end's cap, cos, sin) and the triangles between them. */
export function roundCone() {
  const vertices = [];
  const triangles = [];
  for (let end = 0; end < 2; end++) {
    for (let ring = 0; ring < RINGS; ring++) {
      for (let i = 0; i <= AROUND; i++) {
        const angle = (i / AROUND) * Math.PI * 2;
        vertices.push(end, ring / (RINGS - 1), Math.cos(angle), Math.sin(angle));
      }
    }
  }
  const row = AROUND + 1;
  for (let ring = 0; ring < 2 * RINGS - 1; ring++) {
    for (let i = 0; i < AROUND; i++) {
      const a = ring * row + i;
      triangles.push(a, a + row, a + 1, a + 1, a + row, a + row + 1);
    }
  }
  return { vertices: new Float32Array(vertices), triangles: new Uint16Array(triangles) };
}
