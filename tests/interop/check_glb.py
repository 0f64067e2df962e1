"""GLB files by pygltflib and NumPy: nodes animated and skins evaluated here, joints compared with the npy files.

    python check_glb.py RESULT_FOLDER
"""

import struct
import sys

import numpy as np
from common import FIT, NAMES, READING, Table, samples
from pygltflib import GLTF2

KINDS = {5121: ("u1", 1), 5123: ("<u2", 2), 5126: ("<f4", 4)}
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def read(gltf, index):
    """An accessor as an array."""
    accessor = gltf.accessors[index]
    view = gltf.bufferViews[accessor.bufferView]
    kind, _ = KINDS[accessor.componentType]
    start = (view.byteOffset or 0) + (accessor.byteOffset or 0)
    count = accessor.count * WIDTHS[accessor.type]
    values = np.frombuffer(gltf.binary_blob(), dtype=kind, count=count, offset=start)
    values = values.reshape(accessor.count, -1).astype(float)
    return values / 255 if accessor.normalized else values


def matrices(translation, rotation):
    """(frames, 4, 4) of translations and quaternions x y z w."""
    x, y, z, w = rotation.T
    out = np.zeros((len(rotation), 4, 4))
    out[:, 0, 0], out[:, 0, 1], out[:, 0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)
    out[:, 1, 0], out[:, 1, 1], out[:, 1, 2] = 2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)
    out[:, 2, 0], out[:, 2, 1], out[:, 2, 2] = 2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)
    out[:, :3, 3] = translation
    out[:, 3, 3] = 1
    return out


def worlds(gltf):
    """World matrices of all nodes at the key times, by name: (frames, 4, 4) each."""
    motion = gltf.animations[0]
    inputs = {sampler.input for sampler in motion.samplers}
    assert len(gltf.animations) == 1 and len(inputs) == 1
    frames = gltf.accessors[inputs.pop()].count
    moved = {}
    for channel in motion.channels:
        sampler = motion.samplers[channel.sampler]
        assert sampler.interpolation == "LINEAR"
        moved[channel.target.node, channel.target.path] = read(gltf, sampler.output)
    found = {}

    def walk(index, above):
        node = gltf.nodes[index]
        still = lambda values: np.tile(np.array(values, dtype=float), (frames, 1))
        translation = moved.get((index, "translation"), still(node.translation or [0, 0, 0]))
        rotation = moved.get((index, "rotation"), still(node.rotation or [0, 0, 0, 1]))
        found[index] = above @ matrices(translation, rotation)
        for child in node.children or []:
            walk(child, found[index])

    for root in gltf.scenes[gltf.scene].nodes:
        walk(root, np.tile(np.eye(4), (frames, 1, 1)))
    return found


def main(folder):
    table = Table()
    for sample in samples(folder):
        gltf = GLTF2().load_binary(str(sample.glb))
        length = struct.unpack("<I", sample.glb.read_bytes()[8:12])[0]
        assert length == sample.glb.stat().st_size
        found = worlds(gltf)
        index = {node.name: i for i, node in enumerate(gltf.nodes)}
        expected, skeletons = sample.positions(), sample.skeletons()
        for person in (0, 1):
            name = f"person{person + 1}"
            joints = np.stack([found[index[f"{name}_{joint}"]][:, :3, 3] for joint in NAMES], axis=1)
            table.row(f"GLB in pygltflib, {name}, against npy", sample.name, joints, expected[person], FIT)
            table.row(f"GLB in pygltflib, {name}, against skeleton", sample.name, joints, skeletons[person], READING)
            # A body's vertices keep close to its bones, so an error in the skin would show as a distant one.
            skin, mesh = gltf.skins[person], gltf.meshes[person].primitives[0].attributes
            back = read(gltf, skin.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
            assert [gltf.nodes[i].name for i in skin.joints] == [f"{name}_{joint}" for joint in NAMES]
            points = read(gltf, mesh.POSITION)
            weights, joints_of = read(gltf, mesh.WEIGHTS_0), read(gltf, mesh.JOINTS_0).astype(int)
            assert np.allclose(weights.sum(axis=1), 1)
            for frame in (0, len(joints) // 2, len(joints) - 1):
                turns = np.stack([found[i][frame] for i in skin.joints]) @ back
                blended = np.einsum("vk,vkij->vij", weights, turns[joints_of])
                world = np.einsum("vij,vj->vi", blended, np.c_[points, np.ones(len(points))])[:, :3]
                away = np.linalg.norm(world[:, None] - joints[frame][None], axis=-1).min(axis=1)
                assert away.max() < 0.35, f"a vertex is {away.max():.2f} m from every joint"
    table.finish()


if __name__ == "__main__":
    main(sys.argv[1])
