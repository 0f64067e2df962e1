"""npz files by NumPy, without pickle: names, shapes, words, and rotations that lead to the positions.

    python check_npz.py RESULT_FOLDER
"""

import json
import sys

import numpy as np
from common import FIT, FPS, NAMES, READING, SAME, Table, replay, samples


def quaternions(vectors):
    """Unit quaternions, w first, of rotation vectors."""
    angles = np.linalg.norm(vectors, axis=-1, keepdims=True)
    axes = np.divide(vectors, angles, out=np.zeros_like(vectors), where=angles > 0)
    return np.concatenate([np.cos(angles / 2), axes * np.sin(angles / 2)], axis=-1)


def amass(path, parents):
    """Joints of an AMASS-style archive by forward kinematics, (frames, 22, 3), turned from z up to y up."""
    arrays = np.load(path, allow_pickle=False)
    assert str(arrays["surface_model_type"]) == "smplh" and str(arrays["gender"]) == "neutral"
    assert arrays["mocap_frame_rate"] == arrays["mocap_framerate"] == FPS
    frames = len(arrays["trans"])
    assert arrays["betas"].shape == (16,) and arrays["poses"].shape == (frames, 156)
    vectors = np.concatenate([arrays["root_orient"], arrays["pose_body"]], axis=1)
    assert np.array_equal(arrays["poses"][:, :66], vectors) and not arrays["poses"][:, 66:].any()
    turns = quaternions(vectors.reshape(frames, 22, 3).astype(float))
    x, y, z = np.moveaxis(replay(arrays["trans"].astype(float), turns, arrays["offsets"].astype(float), parents), -1, 0)
    return np.stack([x, z, -y], axis=-1)


def main(folder):
    table = Table()
    for sample in samples(folder):
        arrays = np.load(sample.npz, allow_pickle=False)
        expected = sample.positions()
        assert list(arrays["names"]) == NAMES
        assert arrays["fps"] == FPS and arrays["parents"][0] == -1
        settings = json.loads(str(arrays["settings"]))
        assert settings["seed"] == arrays["seed"] and settings["frames"] == expected.shape[1]
        assert arrays["rotations_6d"].shape == (2, expected.shape[1], 21, 6)
        print(f"{sample.npz.name}: {arrays['prompt']!s}, model {arrays['model']!s}, seed {arrays['seed']}")
        table.row("npz positions, against npy", sample.name, arrays["positions"], expected, SAME)
        skeletons = sample.skeletons()
        table.row("npz rotations, against npy", sample.name, skeletons, expected, FIT)
        for person, path in enumerate(sample.amass):
            found = amass(path, arrays["parents"])
            table.row(f"AMASS, person {person + 1}, against skeleton", sample.name, found, skeletons[person], READING)
    table.finish()


if __name__ == "__main__":
    main(sys.argv[1])
