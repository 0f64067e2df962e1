"""What the checks share: the files of a result, its keypoints, and how errors are told."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

NAMES = [
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
]
FPS = 30


def turn(q, v):
    """v turned by the unit quaternion q, w first."""
    w, u = q[..., :1], q[..., 1:]
    t = 2 * np.cross(u, v)
    return v + w * t + np.cross(u, t)


def product(a, b):
    w = a[..., :1] * b[..., :1] - np.sum(a[..., 1:] * b[..., 1:], axis=-1, keepdims=True)
    v = a[..., :1] * b[..., 1:] + b[..., :1] * a[..., 1:] + np.cross(a[..., 1:], b[..., 1:])
    return np.concatenate([w, v], axis=-1)


def replay(pelvis, rotations, offsets, parents):
    """Forward kinematics: (frames, 22, 3)."""
    world, places = [rotations[:, 0]], [pelvis]
    for joint in range(1, len(parents)):
        parent = parents[joint]
        places.append(places[parent] + turn(world[parent], offsets[joint]))
        world.append(product(world[parent], rotations[:, joint]))
    return np.stack(places, axis=1)


@dataclass
class Sample:
    """The files of one sample of `duet generate --format npy,npz,amass,bvh,glb,mp4,gif,png`."""

    name: str
    keypoints: list  # of two paths
    npz: Path
    amass: list  # of two paths
    bvh: list  # of two paths
    glb: Path

    def positions(self):
        """Joints of both people, (2, frames, 22, 3), metres, y up: those of the npy files."""
        return np.stack([np.load(path)[:, :, :3] for path in self.keypoints])

    def skeletons(self):
        """The same by the solved rotations, which is what the other formats hold: the npz's, by NumPy."""
        arrays = np.load(self.npz)
        people = zip(self.positions(), arrays["rotations"].astype(float), arrays["offsets"].astype(float))
        return np.stack([replay(p[:, 0], turns, bones, arrays["parents"]) for p, turns, bones in people])


def samples(folder):
    """All samples of a result's folder."""
    folder = Path(folder)
    found = []
    for glb in sorted(folder.glob("*_motion.glb")):
        name = re.sub(r"_motion$", "", glb.stem)
        fixed = folder / f"ik_{name}_0.npy"
        prefix = "ik_" if fixed.exists() else ""
        found.append(
            Sample(
                name=name,
                keypoints=[folder / f"{prefix}{name}_{person}.npy" for person in (0, 1)],
                npz=folder / f"{name}_motion.npz",
                amass=[folder / f"{name}_person{person}.amass.npz" for person in (1, 2)],
                bvh=[folder / f"{name}_person{person}.bvh" for person in (1, 2)],
                glb=glb,
            )
        )
    if not found:
        raise SystemExit(f"{folder} holds no result with GLB files; run duet generate with --format npy,npz,amass,bvh,glb,mp4,gif,png")
    return found


def millimetres(found, expected):
    """Mean and largest distance of joints, millimetres."""
    distance = 1000 * np.linalg.norm(np.asarray(found) - np.asarray(expected), axis=-1)
    return distance.mean(), distance.max()


# Bones of a skeleton keep their length, those of a small model do not: this far a skeleton may be from its keypoints. It is there
# to catch wrong axes, orders and units; how near the skeleton really is depends on the model (docs/exports.md).
FIT = (60.0, 400.0)
# What a reader makes of a file, against the skeleton that was written.
READING = (0.1, 0.2)
SAME = (1e-6, 1e-6)


class Table:
    """Rows of (what, sample, mean, worst), and whether all keep their limits, millimetres."""

    def __init__(self):
        self.failed = False

    def row(self, what, name, found, expected, limits):
        if np.shape(found) != np.shape(expected):
            print(f"{what:48} {name}  shape {np.shape(found)} instead of {np.shape(expected)}")
            self.failed = True
            return
        mean, worst = millimetres(found, expected)
        over = mean > limits[0] or worst > limits[1]
        self.failed |= over
        print(f"{what:48} {name}  mean {mean:8.4f} mm  worst {worst:8.4f} mm{'  TOO FAR' if over else ''}")

    def finish(self):
        raise SystemExit(1 if self.failed else 0)
