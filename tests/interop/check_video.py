"""MP4 by FFmpeg (PyAV), GIF and PNG by Pillow: every frame decoded, counted and looked at.

    python check_video.py RESULT_FOLDER [--frames FOLDER]

With --frames a few decoded frames are left there, for eyes.
"""

import argparse
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from common import FPS, samples
from PIL import Image, ImageSequence


def people(pixels):
    """How many pixels are clearly amber, and clearly teal."""
    red, _, blue = np.moveaxis(pixels.astype(int), -1, 0)
    return np.count_nonzero(red - blue > 60), np.count_nonzero(blue - red > 40)


def check_frames(frames, views, what):
    """Both people in each view of each frame, and something moves."""
    assert frames, f"{what}: no frames"
    for number, frame in enumerate(frames):
        for view, part in enumerate(np.array_split(frame, views, axis=1)):
            amber, teal = people(part)
            least = part.shape[0] * part.shape[1] / 2000
            assert min(amber, teal) > least, f"{what}, frame {number}, view {view}: {amber} amber, {teal} teal pixels"
    steps = [np.abs(a.astype(int) - b.astype(int)).mean() for a, b in zip(frames, frames[1:])]
    assert max(steps) > 0.05, f"{what}: nothing moves"
    return steps


def boxes(data):
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        assert size >= 8, kind
        yield kind.decode()
        at += size


def check_mp4(path, expected):
    kinds = list(boxes(path.read_bytes()))
    assert kinds.index("moov") < kinds.index("mdat"), f"no fast start: {kinds}"
    with av.open(str(path)) as container:
        (stream,) = container.streams
        assert stream.codec_context.name == "h264" and stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == FPS, stream.average_rate
        seconds = Fraction(stream.duration) * stream.time_base
        assert abs(seconds - Fraction(expected, FPS)) < Fraction(1, 1000), seconds
        decoded = list(container.decode(stream))
        times = [float(frame.pts * frame.time_base) for frame in decoded]
        title = container.metadata.get("title", "")
    assert len(decoded) == expected, f"{len(decoded)} frames instead of {expected}"
    assert np.allclose(times, np.arange(expected) / FPS, atol=1e-4), "frames are not evenly spaced"
    assert {frame.width % 2 + frame.height % 2 for frame in decoded} == {0}
    assert all(frame.colorspace == 1 and frame.color_range == 1 for frame in decoded), "not BT.709, limited range"
    frames = [frame.to_ndarray(format="rgb24") for frame in decoded]
    check_frames(frames, 2, path.name)
    print(f"{path.name}: {len(frames)} frames of {frames[0].shape[1]} x {frames[0].shape[0]}, {path.stat().st_size} bytes, {title!r}")
    return frames


def check_gif(path, expected):
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        frames, milliseconds = [], []
        for frame in ImageSequence.Iterator(image):
            milliseconds.append(frame.info["duration"])
            frames.append(np.asarray(frame.convert("RGB")))
    assert len(frames) == (expected + 1) // 2, f"{len(frames)} frames"
    assert abs(sum(milliseconds) - 1000 * expected / FPS) < 10, f"{sum(milliseconds)} ms"
    check_frames(frames, 2, path.name)
    print(f"{path.name}: {len(frames)} frames of {frames[0].shape[1]} x {frames[0].shape[0]}, {path.stat().st_size} bytes")
    return frames


def check_png(path):
    with Image.open(path) as image:
        picture = np.asarray(image.convert("RGB"))
    amber, teal = people(picture)
    assert min(amber, teal) > picture.shape[0] * picture.shape[1] / 200
    print(f"{path.name}: {picture.shape[1]} x {picture.shape[0]}, {path.stat().st_size} bytes")
    return picture


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("result", type=Path)
    parser.add_argument("--frames", type=Path)
    args = parser.parse_args()
    for sample in samples(args.result):
        expected = sample.positions().shape[1]
        path = args.result / f"{sample.name}_motion.mp4"
        mp4 = check_mp4(path, expected) if path.exists() else None
        if mp4 is None:
            print(f"NO MP4 WAS CHECKED: {path.name} is not there (programs built with --features mp4 make it)")
        gif = check_gif(args.result / f"{sample.name}_motion.gif", expected)
        check_png(args.result / f"{sample.name}_sheet.png")
        if mp4 is None:
            continue
        # The two show the same moments.
        small = np.asarray(Image.fromarray(mp4[2]).resize(gif[1].shape[1::-1]), dtype=int)
        assert np.abs(small - gif[1].astype(int)).mean() < 8, "GIF and MP4 differ"
        if args.frames:
            args.frames.mkdir(parents=True, exist_ok=True)
            for number in np.linspace(0, expected - 1, 4).astype(int):
                Image.fromarray(mp4[number]).save(args.frames / f"{sample.name}_mp4_{number:03}.png")
                Image.fromarray(gif[number // 2]).save(args.frames / f"{sample.name}_gif_{number:03}.png")


if __name__ == "__main__":
    main()
