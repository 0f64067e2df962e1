// A reply of POST /generate turned into something that can be played: checked, packed, and measured.

import { clamp, length, segmentDistance, sub, unit, madd } from "./math.js";

export const JOINTS = 22;

/** The 22-joint body: pelvis, hips, spine, knees, ... as InterHuman orders them. */
export const J = {
  pelvis: 0, leftHip: 1, rightHip: 2, spine1: 3, leftKnee: 4, rightKnee: 5, spine2: 6, leftAnkle: 7, rightAnkle: 8,
  spine3: 9, leftFoot: 10, rightFoot: 11, neck: 12, leftCollar: 13, rightCollar: 14, head: 15, leftShoulder: 16,
  rightShoulder: 17, leftElbow: 18, rightElbow: 19, leftWrist: 20, rightWrist: 21,
};
export const PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19];

const LIMBS = {
  legs: [J.leftHip, J.rightHip, J.leftKnee, J.rightKnee, J.leftAnkle, J.rightAnkle, J.leftFoot, J.rightFoot],
  arms: [J.leftShoulder, J.rightShoulder, J.leftElbow, J.rightElbow, J.leftWrist, J.rightWrist],
};

/** The part of the body that a joint belongs to: legs, arms or torso. */
export const partOf = (joint) => Object.keys(LIMBS).find((part) => LIMBS[part].includes(joint)) ?? "torso";

/** No stage is larger than this, metres from the origin. */
const REACH = 1000;

/** The reply cannot be shown; the message says why, for a person. */
export class UnreadableMotion extends Error {}

function refuse(why) {
  throw new UnreadableMotion(`The server's answer cannot be shown: ${why}.`);
}

/** Positions [frames][22][3] packed into one array, or refused. */
function pack(positions, frames) {
  if (!Array.isArray(positions) || positions.length !== frames) refuse("a person has the wrong number of frames");
  const out = new Float32Array(frames * JOINTS * 3);
  let at = 0;
  for (const pose of positions) {
    if (!Array.isArray(pose) || pose.length !== JOINTS) refuse("a pose does not have 22 joints");
    for (const point of pose) {
      if (!Array.isArray(point) || point.length !== 3) refuse("a joint does not have three coordinates");
      for (const value of point) {
        if (!Number.isFinite(value) || Math.abs(value) > REACH) refuse("a position is not a usable number");
        out[at++] = value;
      }
    }
  }
  return out;
}

const text = (value) => (typeof value === "string" ? value : "");

const isPlain = (value) => ["string", "number", "boolean"].includes(typeof value);

/** What an object tells in words and numbers, or lists of them; the rest could not be shown. Null where it is no object. */
function told(value) {
  if (value === null || typeof value !== "object") return null;
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => [inner].flat().every(isPlain)));
}

/** Only links into this server are followed. */
function ownLinks(files) {
  const links = [];
  for (const [name, href] of Object.entries(files ?? {})) {
    let url;
    try {
      url = new URL(href, location.href);
    } catch {
      continue;
    }
    // A path of two slashes would be taken for another server's name.
    if (url.origin === location.origin && /^\/(?!\/)/.test(url.pathname)) links.push({ name, href: url.pathname + url.search });
  }
  return links;
}

/** Checks the reply and packs it; `people` is how many must be in it. Throws UnreadableMotion. */
export function readReply(reply, people = 2) {
  if (reply === null || typeof reply !== "object") refuse("it is not an object");
  const { fps, frames } = reply;
  if (!Number.isFinite(fps) || fps < 1 || fps > 240) refuse("its frame rate makes no sense");
  if (!Number.isInteger(frames) || frames < 1 || frames > 10000) refuse("its number of frames makes no sense");
  if (!Array.isArray(reply.parents) || reply.parents.length !== JOINTS) refuse("its skeleton is not the 22-joint body");
  if (reply.parents.some((parent, i) => i > 0 && parent !== PARENTS[i])) refuse("its skeleton is not the 22-joint body");
  if (!Array.isArray(reply.samples) || reply.samples.length === 0) refuse("it holds no motion");
  const samples = reply.samples.map((sample, index) => {
    if (!Array.isArray(sample?.persons) || sample.persons.length !== people) refuse("it does not hold two people");
    const persons = sample.persons.map((person) => pack(person?.positions, frames));
    const seed = Number.isFinite(sample.seed) ? sample.seed : undefined;
    return { index, seed, persons, files: ownLinks(sample.files), ...measure(persons, frames, fps) };
  });
  return {
    id: text(reply.id),
    parent: text(reply.parent),
    edit: told(reply.edit),
    model: text(reply.model),
    prompt: text(reply.prompt),
    promptTruncated: reply.prompt_truncated === true,
    unlike: reply.familiarity?.near === false ? text(reply.familiarity.nearest) : "",
    fps,
    frames,
    seconds: frames / fps,
    settings: told(reply.settings) ?? {},
    timings: told(reply.timings_ms),
    samples,
  };
}

/** Frames a second of a clip that is made of a draft. */
const DRAFT_FPS = 30;

/** A draft, which has few frames, as a clip with all of them, in straight lines between. Throws UnreadableMotion. */
export function readDraft(draft) {
  const { fps, persons } = draft ?? {};
  if (!Number.isFinite(fps) || fps < 1 || !Array.isArray(persons) || persons.length === 0) refuse("it is no draft");
  // What is between two frames is computed of them, so that they are looked at first.
  for (const person of persons) pack(person?.positions, person?.positions?.length || -1);
  const between = DRAFT_FPS / fps;
  const filled = persons.map(({ positions }) => {
    const last = positions.length - 1;
    return Array.from({ length: Math.round(positions.length * between) }, (_, frame) => {
      const at = Math.min(frame / between, last);
      const before = Math.floor(at);
      const after = Math.min(before + 1, last);
      const share = at - before;
      return positions[before].map((point, i) => point.map((value, axis) => value + (positions[after][i][axis] - value) * share));
    });
  });
  const clip = readReply({
    fps: DRAFT_FPS, frames: filled[0].length, parents: PARENTS, samples: [{ persons: filled.map((positions) => ({ positions })) }],
  });
  return { ...clip, sample: clip.samples[0] };
}

export function joint(person, frame, index) {
  const at = (frame * JOINTS + index) * 3;
  return [person[at], person[at + 1], person[at + 2]];
}

/** The pose at a time between frames, as 22 points. */
export function poseAt(person, frames, position) {
  const before = clamp(Math.floor(position), 0, frames - 1);
  const after = Math.min(before + 1, frames - 1);
  const t = clamp(position - before, 0, 1);
  const pose = new Array(JOINTS);
  for (let i = 0; i < JOINTS; i++) {
    const a = (before * JOINTS + i) * 3;
    const b = (after * JOINTS + i) * 3;
    pose[i] = [
      person[a] + (person[b] - person[a]) * t,
      person[a + 1] + (person[b + 1] - person[a + 1]) * t,
      person[a + 2] + (person[b + 2] - person[a + 2]) * t,
    ];
  }
  return pose;
}

function measure(persons, frames, fps) {
  return {
    bodies: persons.map((person) => bodyOf(person, frames)),
    steps: persons.map((person) => plantedFeet(person, frames, fps)),
    touches: touchRuns(persons, frames),
  };
}

/** Size of a body: its scale against a leg of 0.82 m, and how high an ankle stands over the sole. */
function bodyOf(person, frames) {
  let leg = 0;
  const ankles = [];
  for (let f = 0; f < frames; f++) {
    const knee = joint(person, f, J.leftKnee);
    leg += length(sub(joint(person, f, J.leftHip), knee)) + length(sub(knee, joint(person, f, J.leftAnkle)));
    for (const [ankle, toe] of [[J.leftAnkle, J.leftFoot], [J.rightAnkle, J.rightFoot]]) {
      ankles.push(joint(person, f, ankle)[1] - joint(person, f, toe)[1]);
    }
  }
  ankles.sort((a, b) => a - b);
  const scale = clamp(leg / frames / 0.82, 0.4, 1.8);
  return { scale, ankle: clamp(ankles[Math.floor(ankles.length * 0.25)], 0.03, 0.11) };
}

/** Stretches of frames in which a foot stands still near the floor. */
function plantedFeet(person, frames, fps) {
  const runs = [];
  for (const [side, ankle, toe] of [["left", J.leftAnkle, J.leftFoot], ["right", J.rightAnkle, J.rightFoot]]) {
    let start = -1;
    for (let f = 0; f <= frames; f++) {
      const here = f < frames && joint(person, f, toe);
      const other = here && joint(person, Math.min(f + 1, frames - 1) === f ? Math.max(f - 1, 0) : f + 1, toe);
      const planted = here && here[1] < 0.08 && Math.hypot(here[0] - other[0], here[2] - other[2]) * fps < 0.4;
      if (planted && start < 0) start = f;
      if (!planted && start >= 0) {
        if (f - start >= 3) {
          const middle = (start + f - 1) >> 1;
          const tip = joint(person, middle, toe);
          const heel = joint(person, middle, ankle);
          const forward = unit([tip[0] - heel[0], 0, tip[2] - heel[2]], [0, 0, 1]);
          runs.push({ side, start, end: f, at: madd(tip, forward, -0.06), forward });
        }
        start = -1;
      }
    }
  }
  return runs;
}

/** Bones that can touch, with their radii in metres; hands reach past the wrist. */
const TOUCHING = [
  [J.leftShoulder, J.leftElbow, 0.05], [J.rightShoulder, J.rightElbow, 0.05], [J.leftElbow, J.leftWrist, 0.04],
  [J.rightElbow, J.rightWrist, 0.04], [J.leftHip, J.leftKnee, 0.07], [J.rightHip, J.rightKnee, 0.07],
  [J.leftKnee, J.leftAnkle, 0.05], [J.rightKnee, J.rightAnkle, 0.05], [J.pelvis, J.spine3, 0.12],
  [J.neck, J.head, 0.09], [J.leftElbow, J.leftWrist, 0.03, 0.16], [J.rightElbow, J.rightWrist, 0.03, 0.16],
];

/** Stretches of frames in which the two bodies, as capsules, come within 2 cm of each other. */
function touchRuns(persons, frames) {
  if (persons.length < 2) return [];
  const capsules = persons.map((person) => (frame) =>
    TOUCHING.map(([from, to, radius, beyond]) => {
      let a = joint(person, frame, from);
      let b = joint(person, frame, to);
      if (beyond) [a, b] = [b, madd(b, unit(sub(b, a)), beyond)];
      return { a, b, radius };
    }),
  );
  const runs = [];
  let start = -1;
  for (let f = 0; f <= frames; f++) {
    const touching = f < frames && capsules[0](f).some((p) =>
      capsules[1](f).some((q) => segmentDistance(p.a, p.b, q.a, q.b) < p.radius + q.radius + 0.02),
    );
    if (touching && start < 0) start = f;
    if (!touching && start >= 0) {
      runs.push({ start, end: f });
      start = -1;
    }
  }
  return runs;
}
