// The one solid everything is built from: a round cone, the hull of two spheres. Its vertices carry no position, only
// where they sit on the hull; the vertex shader places them for each limb.

/** Corners around and rings a cap, from fine to coarse; shadows take the coarsest. */
export const MESHES = [[28, 7], [16, 5], [12, 4], [8, 3]];

/** Vertices of (end 0 or 1, latitude 0..1 within that end's cap, cos, sin) and the triangles between them. */
export function roundCone([around, rings]) {
  const vertices = [];
  const triangles = [];
  for (let end = 0; end < 2; end++) {
    for (let ring = 0; ring < rings; ring++) {
      for (let i = 0; i <= around; i++) {
        const angle = (i / around) * Math.PI * 2;
        vertices.push(end, ring / (rings - 1), Math.cos(angle), Math.sin(angle));
      }
    }
  }
  const row = around + 1;
  for (let ring = 0; ring < 2 * rings - 1; ring++) {
    for (let i = 0; i < around; i++) {
      const a = ring * row + i;
      triangles.push(a, a + row, a + 1, a + 1, a + row, a + row + 1);
    }
  }
  return { vertices: new Float32Array(vertices), triangles: new Uint16Array(triangles) };
}
