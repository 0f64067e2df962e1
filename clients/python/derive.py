#!/usr/bin/env python3
"""The client that waits is the awaited one without the waiting: client.py is made from aio.py.

    clients/python/derive.py            write it
    clients/python/derive.py --check    exit code 1 where it is old
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "src/duet_client"

#: What the one says, and what the other says there; in this order.
WORDS = [
    ("A client that is awaited.", "A client that waits. Made from aio.py by derive.py: change it there."),
    ("import asyncio\nimport json\n", "import json\nimport time\n"),
    ("await asyncio.shield(self.cancel(job))", "self.cancel(job)"),
    ("asyncio.sleep", "time.sleep"),
    ("await ", ""),
    ("async ", ""),
    ("asynccontextmanager", "contextmanager"),
    ("AsyncClient", "Client"),
    ("AsyncGenerator", "Generator"),
    ("AsyncIterator", "Iterator"),
    ("aclosing", "closing"),
    ("aclose", "close"),
    ("__aenter__", "__enter__"),
    ("__aexit__", "__exit__"),
    ("aiter_lines", "iter_lines"),
    ("aread", "read"),
]


def derived(text: str) -> str:
    """client.py, from the text of aio.py."""
    for awaited, waiting in WORDS:
        if awaited not in text:
            raise SystemExit(f"aio.py no longer says {awaited!r}: take it out of {__file__}")
        text = text.replace(awaited, waiting)
    return re.sub(r"(-> Generator\[.+), None\]:", r"\1, None, None]:", text)


if __name__ == "__main__":
    new = derived((FOLDER / "aio.py").read_text())
    if sys.argv[1:] == ["--check"]:
        sys.exit(new != (FOLDER / "client.py").read_text())
    (FOLDER / "client.py").write_text(new)
