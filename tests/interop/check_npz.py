"""npz files by NumPy, without pickle: names, shapes, words, and rotations that lead to the positions.

    python check_npz.py RESULT_FOLDER
"""

import json
import sys

import numpy as np
from common import FIT, FPS, NAMES, SAME, Table, samples


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
        table.row("npz rotations, against npy", sample.name, sample.skeletons(), expected, FIT)
    table.finish()


if __name__ == "__main__":
    main(sys.argv[1])
