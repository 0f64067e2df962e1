"""What a user of Blender sees: a result's GLB and its two BVH files imported with the choices that docs/exports.md gives, and a
picture of both, drawn by Blender (Cycles on the CPU).

    python3.11 docs/guide/blender.py RESULT_FOLDER PICTURE.png [--frame N]

Needs bpy 4.5 and Pillow (tests/interop/requirements.txt).
"""

import argparse
import math
import sys
import tempfile
from pathlib import Path

import bpy
from mathutils import Vector
from PIL import Image

SIZE = (640, 360)
SAMPLES = 24


def empty():
    """A new scene as docs/exports.md wants it before an import."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30


def middle_and_reach(armatures, frame):
    """Where all bones are in a frame: the middle of their box and half its diagonal."""
    bpy.context.scene.frame_set(frame)
    heads = [armature.matrix_world @ bone.head for armature in armatures for bone in armature.pose.bones]
    low, high = (Vector(choose(point[axis] for point in heads) for axis in range(3)) for choose in (min, max))
    # Joints end at the top of the neck and at the toes; heads go on.
    return (low + high) / 2 + Vector((0, 0, 0.1)), (high - low).length / 2


def stage(middle, reach, side):
    """Floor, light and a camera that sees everybody from `side`, degrees around them."""
    scene = bpy.context.scene
    bpy.ops.mesh.primitive_plane_add(size=60, location=(middle.x, middle.y, 0))
    floor = bpy.data.materials.new("floor")
    floor.use_nodes = True
    floor.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (0.55, 0.56, 0.58, 1)
    bpy.context.object.data.materials.append(floor)
    sun = bpy.data.lights.new("sun", "SUN")
    sun.energy, sun.angle = 3.0, math.radians(6)
    light = bpy.data.objects.new("sun", sun)
    light.rotation_euler = (math.radians(42), math.radians(-18), math.radians(side + 24))
    scene.collection.objects.link(light)
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.8, 0.85, 0.95, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.5
    scene.world = world
    lens = bpy.data.cameras.new("camera")
    camera = bpy.data.objects.new("camera", lens)
    lens.lens = 50
    away = 5.6 * reach
    around = math.radians(side)
    camera.location = middle + Vector((math.sin(around) * away, -math.cos(around) * away, 0.22 * away))
    camera.rotation_euler = (middle - camera.location).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(camera)
    scene.camera = camera


def render(path):
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = SAMPLES
    scene.cycles.use_denoising = True
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.view_settings.view_transform = "Standard"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def sticks(armature, colour):
    """Cones where the bones of a BVH are: a viewport shows armatures, a render does not."""
    paint = bpy.data.materials.new(armature.name)
    paint.use_nodes = True
    paint.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (*colour, 1)
    for bone in armature.pose.bones:
        if bone.parent is None:
            continue
        head, tail = (armature.matrix_world @ joint.head for joint in (bone.parent, bone))
        length = (tail - head).length
        bpy.ops.mesh.primitive_cone_add(vertices=4, radius1=0.035, radius2=0.015, depth=length)
        stick = bpy.context.object
        stick.location = (head + tail) / 2
        stick.rotation_euler = (tail - head).to_track_quat("Z", "Y").to_euler()
        stick.data.materials.append(paint)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("result", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--frame", type=int, default=60)
    parser.add_argument("--side", type=float, default=30.0)
    args = parser.parse_args()
    glb = next(args.result.glob("*_motion.glb"))
    bvh = sorted(args.result.glob("*_person?.bvh"))
    pictures = []
    with tempfile.TemporaryDirectory() as folder:
        empty()
        bpy.ops.import_scene.gltf(filepath=str(glb))
        armatures = [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]
        stage(*middle_and_reach(armatures, args.frame), args.side)
        pictures.append(Path(folder) / "glb.png")
        render(pictures[-1])

        empty()
        for path in bvh:
            bpy.ops.import_anim.bvh(filepath=str(path), update_scene_fps=True, update_scene_duration=True)
        armatures = [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]
        # BVH begins with frame 1, GLB with frame 0.
        shot = middle_and_reach(armatures, args.frame + 1)
        for armature, colour in zip(armatures, [(0.78, 0.3, 0.02), (0.02, 0.3, 0.33)]):
            sticks(armature, colour)
        stage(*shot, args.side)
        pictures.append(Path(folder) / "bvh.png")
        render(pictures[-1])

        both = Image.new("RGB", (2 * SIZE[0], SIZE[1]))
        for column, path in enumerate(pictures):
            with Image.open(path) as picture:
                both.paste(picture.convert("RGB"), (column * SIZE[0], 0))
        both.save(args.picture, quality=80)
    print(args.picture, args.picture.stat().st_size, "bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
