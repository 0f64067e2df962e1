#!/usr/bin/env python3
"""A tiny model package with random weights, for checks of the service that need no sense in the motion.

    scripts/small_model.py FOLDER        then DUET_MODELS=FOLDER duet serve

Made from the repository's fixture by `duet models import`; its vocabulary is repeated until there is a vector for every word.
"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from serving import DUET, ROOT

VOCABULARY = 49408
WORDS = "clip_token_embedding.weight"


def with_all_words(data: bytes) -> bytes:
    """The safetensors file with rows of the token table repeated."""
    length = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header.pop("__metadata__", None)
    parts, at = [], 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        part = body[slice(*entry["data_offsets"])]
        if name == WORDS:
            row = len(part) // entry["shape"][0]
            part = (part * (VOCABULARY // entry["shape"][0] + 1))[: row * VOCABULARY]
            entry["shape"][0] = VOCABULARY
        entry["data_offsets"] = [at, at := at + len(part)]
        parts.append(part)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


def make(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "source"
        shutil.copytree(ROOT / "tests/fixtures/parity/hub_layout", source)
        weights = source / "transformer.safetensors"
        weights.write_bytes(with_all_words(weights.read_bytes()))
        heads = ["--text-heads", "4", "--text-head-heads", "4"]
        subprocess.run([DUET, "models", "import", str(source), "--name", "small", "--into", str(folder), *heads], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make(Path(sys.argv[1]))
