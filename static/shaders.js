// The GLSL of the stage. Colours are linear inside and encoded to sRGB at the end.

const HULL = `
layout(location = 0) in vec4 shape;
layout(location = 1) in vec4 from;
layout(location = 2) in vec4 to;
layout(location = 3) in vec4 sideSole;
layout(location = 4) in vec4 tone;
layout(location = 5) in vec4 girths;

// Where this vertex lies on the hull of the two spheres, and the way it faces.
void hull(out vec3 position, out vec3 normal) {
  vec3 along = to.xyz - from.xyz;
  float len = max(length(along), 1e-5);
  vec3 axis = along / len;
  vec3 side = sideSole.xyz - axis * dot(sideSole.xyz, axis);
  if (dot(side, side) < 1e-6) side = abs(axis.y) < 0.9 ? vec3(0, 1, 0) - axis * axis.y : vec3(1, 0, 0) - axis * axis.x;
  side = normalize(side);
  vec3 third = cross(side, axis);
  float tilt = asin(clamp((from.w - to.w) / len, -0.999, 0.999));
  float half_turn = 1.5707963;
  float latitude = shape.x < 0.5 ? mix(-half_turn, tilt, shape.y) : mix(tilt, half_turn, shape.y);
  vec3 local = vec3(cos(latitude) * shape.z, sin(latitude), cos(latitude) * shape.w);
  vec3 centre = shape.x < 0.5 ? from.xyz : to.xyz;
  float radius = shape.x < 0.5 ? from.w : to.w;
  vec2 girth = shape.x < 0.5 ? girths.xy : girths.zw;
  vec3 offset = side * local.x * girth.x + axis * local.y + third * local.z * girth.y;
  offset *= radius;
  normal = normalize(side * local.x / girth.x + axis * local.y + third * local.z / girth.y);
  float below = -sideSole.w - dot(offset, third);
  if (below > 0.0) {
    offset += third * below;
    normal = -third;
  }
  position = centre + offset;
}
`;

const ENCODE = `
vec3 encode(vec3 linear) {
  vec3 c = clamp(linear, 0.0, 1.0);
  return mix(c * 12.92, 1.055 * pow(c, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, c));
}
// Half a step of noise hides the bands of a slow gradient.
vec3 dither(vec3 c) {
  return c + (fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715)))) - 0.5) / 255.0;
}
`;

const HEAD = "#version 300 es\nprecision highp float;\nprecision highp sampler2DShadow;\n";

export const figureVertex = `${HEAD}${HULL}
uniform mat4 view;
uniform mat4 light;
out vec3 world;
out vec3 facing;
out vec3 colour;
out vec3 lit;
void main() {
  hull(world, facing);
  colour = tone.rgb;
  vec4 shade = light * vec4(world + facing * 0.012, 1.0);
  lit = shade.xyz * 0.5 + 0.5;
  gl_Position = view * vec4(world, 1.0);
}`;

export const figureFragment = `${HEAD}${ENCODE}
uniform vec3 eye;
uniform vec3 sun;
uniform vec3 sky;
uniform vec3 ground;
uniform vec3 rim;
uniform float fade;
uniform vec3 haze;
uniform sampler2DShadow shadowMap;
uniform float texel;
uniform int soft;
in vec3 world;
in vec3 facing;
in vec3 colour;
in vec3 lit;
out vec4 result;

float sunlight() {
  float sum = 0.0;
  for (int x = -soft; x <= soft; x++)
    for (int y = -soft; y <= soft; y++)
      sum += texture(shadowMap, vec3(lit.xy + vec2(x, y) * texel, lit.z - 0.0012));
  float taps = float(2 * soft + 1);
  return sum / (taps * taps);
}

void main() {
  vec3 n = normalize(facing);
  vec3 toEye = normalize(eye - world);
  float key = dot(n, sun);
  // Light wraps a little past the edge, as on skin and cloth.
  float diffuse = clamp((key + 0.25) / 1.25, 0.0, 1.0);
  diffuse *= diffuse;
  float shadow = mix(1.0, sunlight(), smoothstep(-0.05, 0.25, key));
  float height = clamp(world.y / 0.9, 0.0, 1.0);
  float openness = mix(0.62, 1.0, height);
  vec3 ambient = mix(ground, sky, n.y * 0.5 + 0.5) * openness;
  float glance = 1.0 - max(dot(n, toEye), 0.0);
  float edge = pow(glance, 3.2) * (0.45 + 0.55 * max(n.y, 0.0));
  vec3 halfway = normalize(sun + toEye);
  float gloss = pow(max(dot(n, halfway), 0.0), 36.0) * 0.14 * shadow;
  vec3 c = colour * (ambient + vec3(1.0, 0.97, 0.92) * 1.12 * diffuse * shadow);
  c += gloss + rim * edge * mix(vec3(1.0), colour * 1.6, 0.55);
  c = c / (1.0 + max(c - 0.72, 0.0) * 0.55);
  result = vec4(dither(encode(mix(c, haze, fade))), 1.0);
}`;

export const depthVertex = `${HEAD}${HULL}
uniform mat4 light;
void main() {
  vec3 position, normal;
  hull(position, normal);
  gl_Position = light * vec4(position, 1.0);
}`;

export const depthFragment = `${HEAD}
void main() {}`;

// The floor seen as a map, `area` = centre x, centre z, half size. Bodies press on it straight down (closeness) or along
// the sunlight (shadow).
export const floorMapVertex = `${HEAD}${HULL}
uniform vec3 area;
uniform vec3 sun;
uniform float slanted;
out float height;
void main() {
  vec3 position, normal;
  hull(position, normal);
  height = max(position.y, 0.0);
  vec2 onFloor = position.xz - slanted * sun.xz / sun.y * height;
  gl_Position = vec4((onFloor - area.xy) / area.z, 0.0, 1.0);
}`;

export const floorMapFragment = `${HEAD}
uniform float slanted;
in float height;
out vec4 result;
void main() {
  vec4 press = vec4(exp(-height / 0.05), exp(-height / 0.45), 0.0, 0.0);
  vec4 fall = vec4(0.0, 0.0, 1.0 - smoothstep(0.05, 0.75, height), 1.0);
  result = mix(press, fall, slanted);
}`;

export const screenVertex = `${HEAD}
out vec2 at;
void main() {
  vec2 corner = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1)) * 2.0;
  at = corner;
  gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}`;

// One direction of a Gaussian whose width differs by channel, in texels of the floor map.
export const blurFragment = `${HEAD}
uniform sampler2D image;
uniform vec2 step1;
uniform vec4 widths;
uniform int taps;
in vec2 at;
out vec4 result;
void main() {
  vec4 sum = vec4(0.0);
  float total = 0.0;
  for (int i = -taps; i <= taps; i++) {
    float x = float(i) * 2.2 / float(taps);
    float weight = exp(-0.5 * x * x);
    vec2 r = step1 * x;
    sum += weight * vec4(
      texture(image, at + r * widths.r).r, texture(image, at + r * widths.g).g,
      texture(image, at + r * widths.b).b, texture(image, at + r * widths.a).a);
    total += weight;
  }
  result = sum / total;
}`;

export const backdropFragment = `${HEAD}${ENCODE}
uniform vec3 high;
uniform vec3 low;
in vec2 at;
out vec4 result;
void main() {
  result = vec4(dither(encode(mix(low, high, smoothstep(0.0, 1.0, at.y)))), 1.0);
}`;

export const floorVertex = `${HEAD}
uniform mat4 view;
uniform vec3 focus;
out vec3 world;
void main() {
  vec2 corner = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1)) * 2.0 - 1.0;
  world = vec3(focus.x + corner.x * 40.0, 0.0, focus.z + corner.y * 40.0);
  gl_Position = view * vec4(world, 1.0);
}`;

// The floor has no colour of its own far away: it is the backdrop, so there is no horizon. Near the people it is lit,
// ruled in metres and shaded.
export const floorFragment = `${HEAD}${ENCODE}
uniform vec3 high;
uniform vec3 low;
uniform vec3 pool;
uniform vec3 line;
uniform vec3 focus;
uniform vec3 area;
uniform vec2 rows;
uniform vec2 strength;
uniform vec3 eye;
uniform sampler2D floorMap;
in vec3 world;
out vec4 result;

float rule(vec2 p, float spacing, float width) {
  vec2 q = p / spacing;
  vec2 w = fwidth(q);
  vec2 d = abs(fract(q - 0.5) - 0.5);
  vec2 reach = vec2(width / spacing * 0.5);
  vec2 lines = 1.0 - smoothstep(reach, reach + max(w * 1.2, vec2(1e-4)), d);
  // Lines thinner than a pixel grow faint instead of flickering.
  lines *= clamp(1.0 - (w - 0.15) / 0.35, 0.0, 1.0);
  return max(lines.x, lines.y);
}

void main() {
  float away = length(world.xz - focus.xz);
  float near = exp(-away * away / 14.0);
  vec3 backdrop = mix(low, high, smoothstep(0.0, 1.0, (gl_FragCoord.y - rows.x) / rows.y));
  vec3 c = mix(backdrop, pool, near);
  float steep = abs(normalize(eye - world).y);
  float ruled = rule(world.xz, 1.0, 0.008) * exp(-away * away / 12.0) * smoothstep(0.02, 0.25, steep);
  c = mix(c, line, ruled * 0.4);
  vec2 place = (world.xz - area.xy) / area.z;
  if (max(abs(place.x), abs(place.y)) < 0.995) {
    vec4 m = texture(floorMap, place * 0.5 + 0.5);
    float fall = max(m.b * 0.95, m.a * 0.8);
    float press = clamp(m.r * 0.9, 0.0, 1.0);
    float close = clamp(m.g * 0.8, 0.0, 1.0);
    c *= (1.0 - strength.x * fall) * (1.0 - strength.y * press) * (1.0 - strength.y * 0.6 * close);
  }
  result = vec4(dither(encode(c)), 1.0);
}`;

// Fading prints of planted feet: at = centre x, z; heading x, z; tint and strength.
export const printVertex = `${HEAD}
layout(location = 0) in vec4 place;
layout(location = 1) in vec4 tint;
uniform mat4 view;
out vec2 spot;
out vec4 ink;
void main() {
  vec2 corner = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1)) * 2.0 - 1.0;
  vec2 across = vec2(place.w, -place.z);
  vec2 p = place.xy + across * corner.x * 0.075 + place.zw * corner.y * 0.165;
  spot = corner;
  ink = tint;
  gl_Position = view * vec4(p.x, 0.002, p.y, 1.0);
}`;

export const printFragment = `${HEAD}${ENCODE}
in vec2 spot;
in vec4 ink;
out vec4 result;
void main() {
  float ball = length((spot - vec2(0.0, 0.34)) / vec2(0.82, 0.56));
  float heel = length((spot - vec2(0.0, -0.52)) / vec2(0.62, 0.44));
  float d = -log(exp(-9.0 * ball) + exp(-9.0 * heel)) / 9.0;
  float alpha = (1.0 - smoothstep(0.72, 1.0, d)) * ink.a;
  result = vec4(encode(ink.rgb), alpha);
}`;

// Paths of hands and feet: a strip between two points, as wide on the screen wherever it is. from and to carry the opacity
// at each end, ink the colour and the width in pixels.
export const trailVertex = `${HEAD}
layout(location = 0) in vec4 from;
layout(location = 1) in vec4 to;
layout(location = 2) in vec4 ink;
uniform mat4 view;
uniform vec2 screen;
out vec4 tint;
void main() {
  vec4 a = view * vec4(from.xyz, 1.0);
  vec4 b = view * vec4(to.xyz, 1.0);
  bool far = (gl_VertexID & 2) != 0;
  vec4 here = far ? b : a;
  vec2 way = (b.xy / max(b.w, 1e-3) - a.xy / max(a.w, 1e-3)) * screen;
  vec2 across = normalize(vec2(-way.y, way.x) + vec2(1e-6, 0.0)) * (float(gl_VertexID & 1) * 2.0 - 1.0);
  here.xy += across * 2.0 * ink.w / screen * here.w;
  // Behind the eye there is nothing to see.
  if (min(a.w, b.w) < 0.05) here = vec4(2.0, 2.0, 2.0, 1.0);
  tint = vec4(ink.rgb, far ? to.w : from.w);
  gl_Position = here;
}`;

export const trailFragment = `${HEAD}${ENCODE}
in vec4 tint;
out vec4 result;
void main() {
  result = vec4(encode(tint.rgb), tint.a);
}`;
