// What is known of the skeletons of BVH files: the server's mappings (src/formats/bvh), so that a file is here what it is there. A test
// compares the two. The values are JSON.

/**
 * The nodes of each of the 22 joints (of several the mean), metres per unit, frames to leave out, and releases that are known by the
 * length of their legs, in the order in which they are tried.
 */
export const MAPPINGS = [
  {
    "name": "daz", "scale": 1.35, "drop": 2,
    "releases": [{"leg": 0.6424, "scale": 1.35, "drop": 10}, {"leg": 82.233, "scale": 0.010546875, "drop": 9}],
    "joints": [
      "hip", "lThigh", "rThigh", ["hip", "abdomen"], "lShin", "rShin", "abdomen", "lFoot", "rFoot", "chest", "end of lFoot",
      "end of rFoot", "neck", "lCollar", "rCollar", "head", "lShldr", "rShldr", "lForeArm", "rForeArm", "lHand", "rHand"
    ]
  },
  {
    "name": "mixamo", "scale": 0.01, "drop": 0,
    "releases": [],
    "joints": [
      "Hips", "LeftUpLeg", "RightUpLeg", "Spine", "LeftLeg", "RightLeg", "Spine1", "LeftFoot", "RightFoot", "Spine2",
      "LeftToeBase", "RightToeBase", "Neck", "LeftShoulder", "RightShoulder", "Head", "LeftArm", "RightArm", "LeftForeArm",
      "RightForeArm", "LeftHand", "RightHand"
    ]
  },
  {
    "name": "cmu-spine", "scale": 0.05644444444444444, "drop": 1,
    "releases": [],
    "joints": [
      "Hips", "LeftUpLeg", "RightUpLeg", ["Hips", "Spine"], "LeftLeg", "RightLeg", "Spine", "LeftFoot", "RightFoot",
      "Spine1", "LeftToeBase", "RightToeBase", "Neck1", ["Spine1", "LeftArm"], ["Spine1", "RightArm"], "Head", "LeftArm",
      "RightArm", "LeftForeArm", "RightForeArm", "LeftHand", "RightHand"
    ]
  },
  {
    "name": "duet", "scale": 1.0, "drop": 0,
    "releases": [],
    "joints": [
      "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
      "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder", "right_shoulder",
      "left_elbow", "right_elbow", "left_wrist", "right_wrist"
    ]
  }
];

/** Lengths of the units that files are found in, metres. */
export const UNITS = [1, 0.01, 0.0254, 0.056444];

/** Shortest and longest leg of grown-up people, hip to ankle, metres. */
export const LEG = [0.55, 1.15];

/** By what share a leg may differ from that of a release. */
export const SAME = 0.01;

/** Frames a second that a frame time of a few digits is likely to mean. */
export const RATES = [24, 25, 30, 48, 50, 60, 72, 90, 100, 120, 144, 240];
