"""BVH and GLB files imported by Blender (the bpy package), joints compared frame by frame with the npy files.

    python check_blender.py RESULT_FOLDER

Everything is imported as a user would with the default choices of Blender's import dialogs; only the scene's frame rate is set
first, as docs/exports.md says.
"""

import contextlib
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import bpy
import numpy as np
from common import FIT, FPS, NAMES, READING, Table, samples


@contextlib.contextmanager
def quiet():
    """Blender's importers print; the table is easier to read without."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    sys.stdout.flush()
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def empty():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = FPS
    bpy.context.scene.render.fps_base = 1.0


def armatures():
    return [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]


def joints(armature, prefix, first, frames):
    """Heads of the bones in the world, (frames, 22, 3), in the axes of the files: y up."""
    out = np.empty((frames, len(NAMES), 3))
    for frame in range(frames):
        bpy.context.scene.frame_set(first + frame)
        for joint, name in enumerate(NAMES):
            x, y, z = armature.matrix_world @ armature.pose.bones[prefix + name].head
            out[frame, joint] = x, z, -y
    return out


def to_fbx():
    """The lines that docs/exports.md gives for the way from GLB to FBX."""
    text = (Path(__file__).parents[2] / "docs" / "exports.md").read_text()
    return re.search(r'blender --background --python-expr "\n(.*?)"\n```', text, re.DOTALL).group(1)


def main(folder):
    table = Table()
    print(f"Blender {bpy.app.version_string}")
    for sample in samples(folder):
        expected, skeletons = sample.positions(), sample.skeletons()
        frames = expected.shape[1]
        for person, path in enumerate(sample.bvh):
            empty()
            with quiet():
                bpy.ops.import_anim.bvh(filepath=str(path))
            (armature,) = armatures()
            found = joints(armature, "", 1, frames)
            table.row(f"BVH in Blender, person {person + 1}, against npy", sample.name, found, expected[person], FIT)
            table.row(f"BVH in Blender, person {person + 1}, against skeleton", sample.name, found, skeletons[person], READING)
        empty()
        with quiet():
            bpy.ops.import_scene.gltf(filepath=str(sample.glb))
        people = {thing.name: thing for thing in armatures()}
        assert set(people) == {"person1", "person2"}, people
        bodies = [thing for thing in bpy.data.objects if thing.type == "MESH" and thing.name.endswith("_body")]
        assert len(bodies) == 2 and all(any(m.type == "ARMATURE" for m in body.modifiers) for body in bodies)
        for person in (0, 1):
            name = f"person{person + 1}"
            first = round(people[name].animation_data.action.frame_range[0])
            found = joints(people[name], f"{name}_", first, frames)
            table.row(f"GLB in Blender, {name}, against npy", sample.name, found, expected[person], FIT)
            table.row(f"GLB in Blender, {name}, against skeleton", sample.name, found, skeletons[person], READING)
        # The way to FBX that docs/exports.md gives, word for word.
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), quiet():
            shutil.copy(sample.glb, "motion.glb")
            exec(to_fbx(), {})
            empty()
            bpy.ops.import_scene.fbx(filepath="motion.fbx")
        people = {thing.name: thing for thing in armatures()}
        for person in (0, 1):
            name = f"person{person + 1}"
            first = round(people[name].animation_data.action.frame_range[0])
            found = joints(people[name], f"{name}_", first, frames)
            table.row(f"GLB to FBX in Blender, {name}, against skeleton", sample.name, found, skeletons[person], READING)
    table.finish()


if __name__ == "__main__":
    main(sys.argv[1])
