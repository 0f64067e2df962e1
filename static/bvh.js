// BVH files: a skeleton, its angles frame by frame, and from them the 22 joints' positions.

/** Names that tools give the 22 joints, in their order; compared without case, prefixes and punctuation. */
const NAMES = [
  ["pelvis", "hips", "hip", "root"], ["lefthip", "leftupleg", "lthigh", "leftthigh"],
  ["righthip", "rightupleg", "rthigh", "rightthigh"], ["spine1", "spine", "abdomen"], ["leftknee", "leftleg", "lshin"],
  ["rightknee", "rightleg", "rshin"], ["spine2", "chest"], ["leftankle", "leftfoot", "lfoot"],
  ["rightankle", "rightfoot", "rfoot"], ["spine3", "spine2", "upperchest", "chest"],
  ["leftfoot", "lefttoebase", "lefttoe", "ltoe"], ["rightfoot", "righttoebase", "righttoe", "rtoe"], ["neck", "neck1"],
  ["leftcollar", "leftshoulder", "lcollar"], ["rightcollar", "rightshoulder", "rcollar"], ["head"],
  ["leftshoulder", "leftarm", "lshldr"], ["rightshoulder", "rightarm", "rshldr"], ["leftelbow", "leftforearm", "lforearm"],
  ["rightelbow", "rightforearm", "rforearm"], ["leftwrist", "lefthand", "lhand"], ["rightwrist", "righthand", "rhand"],
];
/** A pelvis above this height means centimetres. */
const CENTIMETRES = 10;

function parse(text) {
  const words = text.split(/\s+/);
  const nodes = [];
  const stack = [];
  let i = 0;
  for (; i < words.length && words[i] !== "MOTION"; i++) {
    const word = words[i];
    if (word === "ROOT" || word === "JOINT" || word === "End") {
      nodes.push({ name: word === "End" ? "" : words[i + 1], parent: stack.at(-1) ?? -1, offset: [0, 0, 0], channels: [] });
      i++;
    } else if (word === "{") stack.push(nodes.length - 1);
    else if (word === "}") stack.pop();
    else if (word === "OFFSET") nodes.at(-1).offset = words.slice(i + 1, i + 4).map(Number);
    else if (word === "CHANNELS") nodes.at(-1).channels = words.slice(i + 2, i + 2 + Number(words[i + 1]));
  }
  const frames = Number(words[words.indexOf("Frames:", i) + 1]);
  const time = words.indexOf("Time:", i);
  const values = words.slice(time + 2).filter(Boolean).map(Number);
  const width = nodes.reduce((sum, node) => sum + node.channels.length, 0);
  if (nodes.length === 0 || !(frames > 0) || values.length < frames * width || values.some(Number.isNaN)) {
    throw new Error("it is not a complete BVH file");
  }
  return { nodes, frames, fps: 1 / Number(words[time + 1]), values, width };
}

/** 3x3 rotation about an axis, row by row. */
function turn(axis, degrees) {
  const [s, c] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  return { X: [1, 0, 0, 0, c, -s, 0, s, c], Y: [c, 0, s, 0, 1, 0, -s, 0, c], Z: [c, -s, 0, s, c, 0, 0, 0, 1] }[axis];
}

const times = (a, b) =>
  a.map((_, i) => [0, 1, 2].reduce((sum, k) => sum + a[i - (i % 3) + k] * b[k * 3 + (i % 3)], 0));

const apply = (m, [x, y, z]) => [0, 3, 6].map((i) => m[i] * x + m[i + 1] * y + m[i + 2] * z);

const plain = (name) => name.toLowerCase().replace(/^.*:/, "").replace(/[^a-z0-9]/g, "");

/** Which node is each of the 22 joints. Files with our own names are taken at their word. */
function match(nodes) {
  const named = new Map(nodes.map((node, i) => [plain(node.name), i]).filter(([name]) => name !== ""));
  const ours = NAMES.every(([own]) => named.has(own));
  return NAMES.map((names) => {
    // "leftfoot" is the ankle and "leftshoulder" the collar in every other tool.
    const wanted = ours ? [names[0]] : names.filter((name) => !/^(left|right)(foot|shoulder)$/.test(names[0]) || name !== names[0]);
    const name = wanted.find((name) => named.has(name));
    if (name === undefined) throw new Error(`it has no joint that could be the ${names[0]}`);
    return named.get(name);
  });
}

/** {fps, positions [frames][22][3] in metres} of a BVH file's text. Throws words for a person. */
export function readBvh(text) {
  const { nodes, frames, fps, values, width } = parse(text);
  const joints = match(nodes);
  let at = 0;
  const positions = [];
  for (let frame = 0; frame < frames; frame++) {
    const placed = [];
    at = frame * width;
    nodes.forEach((node, i) => {
      const above = placed[node.parent] ?? { turn: [1, 0, 0, 0, 1, 0, 0, 0, 1], at: [0, 0, 0] };
      const local = [...node.offset];
      let turned = above.turn;
      for (const channel of node.channels) {
        const value = values[at++];
        if (channel.endsWith("rotation")) turned = times(turned, turn(channel[0], value));
        // The root's position is in the world; where its offset is not zero, tools disagree, and most replace it.
        else local["XYZ".indexOf(channel[0])] = value;
      }
      const moved = apply(above.turn, local);
      placed[i] = { turn: turned, at: moved.map((value, axis) => value + above.at[axis]) };
    });
    positions.push(joints.map((joint) => placed[joint].at));
  }
  const scale = positions[0][0][1] > CENTIMETRES ? 0.01 : 1;
  return { fps, positions: positions.map((pose) => pose.map((point) => point.map((value) => value * scale))) };
}
