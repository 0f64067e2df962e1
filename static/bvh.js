// BVH files: a skeleton, its angles frame by frame, and from them the 22 joints' positions, as the server reads them
// (src/formats/bvh), so that frame numbers and places are the same here and there.

import { LEG, MAPPINGS, RATES, SAME, UNITS } from "./mappings.js";

/** Frames a second of what is shown. */
const FPS = 30;
/** Longest motion that is shown, frames. */
const MOST_FRAMES = 10000;
/** Most nodes, longest name (an end has its joint's, too) and largest number of a file, as the server has them. */
const MOST_NODES = 1024;
const MOST_NAME = 256;
const MOST_MAGNITUDE = 1e6;
const END = "end of ";

// The file ------------------------------------------------------------------------------------------------------------

/** The words of a text: braces are words of their own, and names go on to the end of their line. */
class Words {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  take(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found === null) throw new Error("it is not a complete BVH file");
    this.at = pattern.lastIndex;
    return found[1];
  }

  next() {
    return this.take(/\s*([{}]|[^\s{}]+)/y);
  }

  name() {
    const name = this.take(/([^\n\r{}]*)/y).trim();
    if (name.length > MOST_NAME) throw new Error("it has a name that is too long");
    return name;
  }

  number() {
    const value = Number(this.next());
    if (!isUsable(value)) throw new Error("it holds something else where a number should be");
    return value;
  }

  /** How many of something there are. */
  count(most) {
    const value = this.number();
    if (!Number.isInteger(value) || value < 0 || value > most) throw new Error("it counts what cannot be counted");
    return value;
  }

  expect(word) {
    if (this.next().toLowerCase() !== word) throw new Error("it is not a BVH file");
  }
}

/** Numbers so far away that what is computed of them would no longer be numbers are none. */
const isUsable = (value) => Math.abs(value) <= MOST_MAGNITUDE;

function readNodes(words) {
  const nodes = [];
  const open = [];
  words.expect("hierarchy");
  for (;;) {
    const word = words.next().toLowerCase();
    if (word === "motion" && open.length === 0) return nodes;
    if (["root", "joint", "end"].includes(word)) {
      if (nodes.length === MOST_NODES) throw new Error(`it has more than ${MOST_NODES} joints`);
      const parent = open.at(-1) ?? -1;
      const given = words.name();
      words.expect("{");
      open.push(nodes.length);
      nodes.push({ name: word === "end" ? END + nodes[parent]?.name : given, parent, offset: [0, 0, 0], channels: [] });
    } else if (word === "offset" && open.length > 0) {
      nodes[open.at(-1)].offset = [words.number(), words.number(), words.number()];
    } else if (word === "channels" && open.length > 0) {
      const channels = Array.from({ length: words.count(6) }, () => words.next().toLowerCase());
      if (!channels.every((name) => /^[xyz](position|rotation)$/.test(name))) throw new Error("it has channels of an unknown kind");
      nodes[open.at(-1)].channels = channels.map((name) => ({ axis: "xyz".indexOf(name[0]), turns: name.endsWith("rotation") }));
    } else if (word === "}" && open.length > 0) open.pop();
    else throw new Error("it is not a BVH file");
  }
}

function parse(text) {
  const words = new Words(text);
  const nodes = readNodes(words);
  words.expect("frames:");
  const frames = words.count(MOST_MAGNITUDE);
  words.expect("frame");
  words.expect("time:");
  const written = words.next();
  const rest = words.text.slice(words.at).trim();
  const values = rest === "" ? [] : rest.split(/\s+/).map(Number);
  const width = nodes.reduce((sum, node) => sum + node.channels.length, 0);
  if (frames === 0 || width === 0 || values.length !== frames * width || !values.every(isUsable)) {
    throw new Error("it is not a complete BVH file");
  }
  return { nodes, frames, fps: rate(written), values, width };
}

/** Frames a second that a frame time means, written like this: files round it. */
export function rate(written) {
  const seconds = Number(written);
  if (!(seconds >= 1e-4 && seconds <= 10)) throw new Error("its frame time makes no sense");
  const fps = 1 / seconds;
  const whole = Math.round(fps);
  const beside = whole >= 1 ? Math.abs(fps - whole) / whole : Infinity;
  if (beside < 1e-9) return whole;
  const [digits, exponent = "0"] = written.toLowerCase().split("e");
  const lastPlace = 10 ** (Number(exponent) - (digits.split(".")[1]?.length ?? 0));
  const error = (common) => Math.abs(1 / common - seconds);
  const nearest = RATES.reduce((best, common) => (error(common) < error(best) ? common : best));
  if (error(nearest) <= (lastPlace / 2) * (1 + 1e-9)) return nearest;
  return beside < 1e-3 ? whole : fps;
}

// Poses ---------------------------------------------------------------------------------------------------------------

// Rotations are unit quaternions [w, x, y, z].
const STILL = [1, 0, 0, 0];

const multiply = ([aw, ax, ay, az], [bw, bx, by, bz]) => [
  aw * bw - ax * bx - ay * by - az * bz, aw * bx + ax * bw + ay * bz - az * by,
  aw * by - ax * bz + ay * bw + az * bx, aw * bz + ax * by - ay * bx + az * bw,
];

/** v + 2w(u×v) + 2u×(u×v), with u the imaginary part. */
function rotate([w, x, y, z], v) {
  const t = [2 * (y * v[2] - z * v[1]), 2 * (z * v[0] - x * v[2]), 2 * (x * v[1] - y * v[0])];
  return [v[0] + w * t[0] + y * t[2] - z * t[1], v[1] + w * t[1] + z * t[0] - x * t[2], v[2] + w * t[2] + x * t[1] - y * t[0]];
}

/** Part of the way from one rotation to another along the shorter arc. */
function slerp(from, to, share) {
  let dot = from.reduce((sum, value, i) => sum + value * to[i], 0);
  const sign = dot < 0 ? -1 : 1;
  dot = Math.min(1, Math.abs(dot));
  const angle = Math.acos(dot);
  const [a, b] = dot > 0.9999
    ? [1 - share, share]
    : [Math.sin((1 - share) * angle) / Math.sin(angle), Math.sin(share * angle) / Math.sin(angle)];
  const mixed = from.map((value, i) => a * value + b * sign * to[i]);
  const length = Math.hypot(...mixed);
  return mixed.map((value) => value / length);
}

/** Place and rotation of a node relative to its parent, by the numbers from `at` on. */
function local(node, values, at) {
  const place = [...node.offset];
  let turn = STILL;
  node.channels.forEach(({ axis, turns }, i) => {
    const value = values[at + i];
    if (turns) {
      const half = (value * Math.PI) / 360;
      const about = [Math.cos(half), 0, 0, 0];
      about[axis + 1] = Math.sin(half);
      turn = multiply(turn, about);
    } else {
      // Where the offset is not zero tools disagree; most let the position replace it.
      place[axis] = value;
    }
  });
  return { place, turn };
}

/** World positions of all nodes at a time in frames. */
function placesAt({ nodes, frames, values, width }, time) {
  const before = Math.min(Math.floor(time), frames - 1);
  const share = time - before;
  const after = Math.min(before + 1, frames - 1);
  let at = 0;
  const all = [];
  for (const node of nodes) {
    let { place, turn } = local(node, values, before * width + at);
    if (share > 0) {
      const next = local(node, values, after * width + at);
      place = place.map((value, axis) => value + share * (next.place[axis] - value));
      turn = slerp(turn, next.turn, share);
    }
    at += node.channels.length;
    const above = all[node.parent] ?? { place: [0, 0, 0], turn: STILL };
    const moved = rotate(above.turn, place);
    all.push({ place: moved.map((value, axis) => value + above.place[axis]), turn: multiply(above.turn, turn) });
  }
  return all.map(({ place }) => place);
}

// The 22 joints -------------------------------------------------------------------------------------------------------

/** The name without that of a character before it: Mixamo writes mixamorig:Hips. */
const bare = (name) => (name.startsWith(END) ? END : "") + name.replace(END, "").replace(/^.*:/, "");

/** The nodes of a name, by index. */
function called(nodes, name) {
  const where = (fits) => nodes.flatMap((node, i) => (fits(node.name) ? [i] : []));
  const exact = where((own) => own === name);
  return exact.length > 0 ? exact : where((own) => bare(own) === name);
}

/** The mapping that knows a file's nodes, and the nodes of each joint. */
function bind(nodes) {
  for (const mapping of MAPPINGS) {
    const found = mapping.joints.map((names) => [names].flat().map((name) => called(nodes, name)));
    if (!found.flat().every((indices) => indices.length > 0)) continue;
    if (!found.flat().every((indices) => indices.length === 1)) throw new Error("it has several joints of one name");
    return { mapping, joints: found.map((parts) => parts.flat()) };
  }
  throw new Error("its joints have other names than Duet's, Mixamo's, Daz's or CMU's");
}

const pose = (joints, places) =>
  joints.map((parts) => [0, 1, 2].map((axis) => parts.reduce((sum, part) => sum + places[part][axis], 0) / parts.length));

/** From the left hip to the knee to the ankle. */
function legOf(joints) {
  const [hip, knee, ankle] = [joints[1], joints[4], joints[7]];
  const between = (a, b) => Math.hypot(...a.map((value, axis) => value - b[axis]));
  return between(hip, knee) + between(knee, ankle);
}

/** Metres per unit and frames to leave out: those of a release that has such legs, or a unit that makes them human. */
function sized({ releases, scale, drop }, leg) {
  const release = releases.find((known) => Math.abs(leg / known.leg - 1) < SAME);
  if (release) return release;
  const unit = [...(releases.length > 0 ? [] : [scale]), ...UNITS].find((metres) => leg * metres >= LEG[0] && leg * metres < LEG[1]);
  if (unit === undefined) throw new Error("it holds nobody of human size, whatever its unit may be");
  return { scale: unit, drop };
}

/** The times, in frames of the file, of what is shown: every so many of its frames, or between them. */
function timesOf(left, fps) {
  const step = fps / FPS;
  const count = Number.isInteger(step) ? Math.ceil(left / step) : Math.floor((left - 1) / step + 1e-6) + 1;
  if (count > MOST_FRAMES) throw new Error(`it is longer than ${MOST_FRAMES} frames`);
  return Array.from({ length: count }, (_, frame) => frame * step);
}

/** Positions [frames][22][3] in metres, 30 frames a second, of a BVH file's text. Throws words for a person. */
export function readBvh(text) {
  const file = parse(text.replace(/^\uFEFF/, ""));
  const { mapping, joints } = bind(file.nodes);
  const start = Math.min(mapping.drop, file.frames - 1);
  const { scale, drop } = sized(mapping, legOf(pose(joints, placesAt(file, start))));
  if (Math.max(drop, mapping.drop) >= file.frames) throw new Error("it ends with its rest pose");
  return timesOf(file.frames - drop, file.fps).map((time) =>
    pose(joints, placesAt(file, Math.min(drop + time, file.frames - 1))).map((point) => point.map((value) => value * scale)));
}
