"""What the scripts here share: the real server with a model, a plain HTTP client, and a look at the process.

Python's standard library only. ``duet`` is $DUET or target/release/duet, the models are $DUET_MODELS or ./models.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DUET = os.environ.get("DUET", str(ROOT / "target/release/duet"))
MODELS = os.environ.get("DUET_MODELS", str(ROOT / "models"))


def expect(holds: bool, words: str) -> None:
    """Say whether something holds; ``expect.failed`` is true once something did not."""
    print(f"  {'ok' if holds else 'FAILED'}: {words}")
    expect.failed |= not holds


expect.failed = False


class Server:
    """``duet serve`` on a port of its own, stopped at the end of a ``with``.

    Unless ``flags`` say otherwise it keeps its results in a folder of its own that goes with it: what is made here is nobody's, and the
    user's folder may be another server's. ``wrapper`` is a command that runs the server.
    """

    def __init__(
        self,
        *flags: str,
        env: dict[str, str] | None = None,
        log: str | os.PathLike[str] = os.devnull,
        wrapper: tuple[str, ...] = (),
    ):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DUET")}
        environment.update(DUET_MODELS=MODELS, **(env or {}))
        self.data = None
        if not any(flag.split("=")[0] in ("--data-dir", "--no-data") for flag in flags):
            self.data = tempfile.TemporaryDirectory(prefix="duet-results-")
            flags = ("--data-dir", self.data.name, *flags)
        self.log = open(log, "wb")
        self.process = subprocess.Popen(
            [*wrapper, DUET, "serve", "--port", "0", *flags], stdout=subprocess.PIPE, stderr=self.log, env=environment
        )
        line = self.process.stdout.readline().decode()
        found = re.fullmatch(r"Duet is ready: http://(.+):(\d+)\n", line)
        if not found:
            self._end()
            raise SystemExit(f"the server did not start: {line!r}, see {log}")
        self.host, self.port = found[1], int(found[2])
        # What it says later is of no interest, but a full pipe would hold it up.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        self.kill()
        self.log.close()
        if self.data:
            self.data.cleanup()

    def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self, patience: float = 30) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience)

    def alive(self) -> bool:
        return self.process.poll() is None

    def ask(
        self, method: str, path: str, body: object = None, timeout: float = 300, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers (names in lower case) of one request on a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            payload = None
            if body is not None:
                payload = body if isinstance(body, bytes) else json.dumps(body).encode()
                sent.setdefault("content-type", "application/json")
            connection.request(method, path, payload, {"connection": "close", **sent})
            answer = connection.getresponse()
            data = answer.read()
            return answer.status, data, {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def generate(self, prompt: str = "two people dance salsa", **settings: object) -> tuple[int, dict]:
        status, body, _ = self.ask("POST", "/generate", {"prompt": prompt, **settings})
        return status, json.loads(body)

    def connect(self, timeout: float = 30) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout)

    def gauge(self, name: str) -> float:
        """The sum of a metric over its labels."""
        status, text, _ = self.ask("GET", "/metrics")
        if status != 200:
            raise AssertionError(f"/metrics answered {status}")
        values = re.findall(rf"^{re.escape(name)}(?:\{{[^}}]*\}})? (\S+)$", text.decode(), re.MULTILINE)
        return sum(map(float, values))

    def resources(self) -> dict[str, int]:
        """Memory in KiB, open files and threads of the process, from /proc."""
        folder = Path(f"/proc/{self.process.pid}")
        status = (folder / "status").read_text()
        number = lambda name: int(re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)[1])
        return {"rss": number("VmRSS"), "files": len(list((folder / "fd").iterdir())), "threads": number("Threads")}


class Watch:
    """Once a second: the process's resources, and whether /healthz and /metrics answer 200."""

    def __init__(self, server: Server, every: float = 1.0):
        self.server, self.every = server, every
        self.seen: list[tuple[float, dict[str, int]]] = []
        self.wrong: list[str] = []
        self.slowest = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Watch":
        self._start = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self.every):
            at = time.monotonic() - self._start
            try:
                self.seen.append((at, self.server.resources()))
                for path in ("/healthz", "/metrics"):
                    begun = time.monotonic()
                    status, _, _ = self.server.ask("GET", path, timeout=20)
                    self.slowest = max(self.slowest, time.monotonic() - begun)
                    if status != 200:
                        self.wrong.append(f"{at:.0f} s: {path} answered {status}")
            except Exception as error:  # Whatever it was, the server did not answer its probe.
                self.wrong.append(f"{at:.0f} s: {type(error).__name__}: {error}")

    def told(self, warm: float) -> str:
        """Memory from ``warm`` seconds on: its median in the first and in the last fifth, and the difference."""
        later = [seen for at, seen in self.seen if at >= warm] or [seen for _, seen in self.seen]
        if not later:
            return "no figures"
        fifth = max(1, len(later) // 5)
        words = []
        for name, unit in (("rss", "MiB"), ("files", ""), ("threads", "")):
            middle = lambda part: sorted(seen[name] for seen in part)[len(part) // 2]
            first, last = middle(later[:fifth]), middle(later[-fifth:])
            scale = 1024 if name == "rss" else 1
            words.append(f"{name} {first / scale:.0f} -> {last / scale:.0f} {unit} ({100 * (last - first) / first:+.1f} %)")
        return ", ".join(words)


def percentile(values: list[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
