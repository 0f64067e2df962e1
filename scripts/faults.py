#!/usr/bin/env python3
"""Faults against the real program, one after the other; after each, one ordinary request succeeds.

    scripts/faults.py [NAME ...]    slow_clients abandoned clock disk full_disk killed; all of them unless named

Prints what was seen. Exit code 1 where something acknowledged was lost or something stayed broken.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from serving import DUET, MODELS, Server, Watch, expect

QUICK = {"frames": 16, "steps": 2}


def still_works(server: Server) -> None:
    begun = time.monotonic()
    status, _ = server.generate("they bow", **QUICK)
    expect(status == 200, f"an ordinary request right after: {status} in {time.monotonic() - begun:.2f} s")


def request(body: bytes, more: bytes = b"") -> bytes:
    return (b"POST /generate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n%scontent-length: %d\r\n\r\n%s"
            % (more, len(body), body))


def shown_out(caller: socket.socket) -> bool:
    """Whether the server has ended this connection, or does within five seconds."""
    caller.settimeout(5)
    try:
        while caller.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def slow_clients() -> None:
    """200 callers who send a byte a second, and 8 who ask for a motion and do not read it, take nobody's place."""
    with Server() as server, Watch(server) as watch:
        still_works(server)
        senders = [server.connect() for _ in range(200)]
        readers = [server.connect() for _ in range(8)]
        for reader in readers:
            reader.sendall(request(b'{"prompt":"they hug","frames":16,"steps":1}'))
        # As many seconds as the server gives to headers, and a few more.
        for byte in b"POST /generate HTTP/1.1\r\nx-":
            for sender in senders:
                with suppress(OSError):
                    sender.sendall(bytes([byte]))
            time.sleep(1)
        still_works(server)
        ended = sum(map(shown_out, senders))
        expect(ended == len(senders), f"{ended} of {len(senders)} slow senders were shown out")
        [caller.close() for caller in senders + readers]
        expect(not watch.wrong, f"/healthz and /metrics held: {watch.wrong[:2] or 'always 200'}")


def abandoned() -> None:
    """500 callers who ask and leave at once leave nothing behind."""
    with Server("--queue", "64") as server, Watch(server) as watch:
        still_works(server)
        before = server.resources()
        draw = random.Random(1)
        for i in range(500):
            with server.connect() as caller:
                caller.sendall(request(b'{"prompt":"they hug","samples":4}', b"x-request-id: abandoned-%d\r\n" % i))
                time.sleep(draw.random() / 50)
        begun = time.monotonic()
        while server.gauge("duet_waiting") > 0 and time.monotonic() - begun < 60:
            time.sleep(0.2)
        expect(server.gauge("duet_waiting") == 0, f"the queue is empty {time.monotonic() - begun:.1f} s after the last has left")
        still_works(server)
        after = server.resources()
        expect(after["files"] <= before["files"] + 2, f"open files {before['files']} before, {after['files']} after")
        expect(after["threads"] <= before["threads"] + 4, f"threads {before['threads']} before, {after['threads']} after")
        expect(not watch.wrong, f"/healthz and /metrics held: {watch.wrong[:2] or 'always 200'}")


def clock() -> None:
    """The calendar jumps by years at every look; what is timed is timed by the monotonic clock."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "clock_jumps.so"
        source = Path(__file__).with_name("clock_jumps.c")
        built = subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], capture_output=True, text=True)
        if built.returncode:
            expect(False, f"the clock could not be built: {built.stderr[:200]}")
            return
        with Server(env={"LD_PRELOAD": str(library)}, log=Path(folder) / "log") as server:
            still_works(server)
            status, body, _ = server.ask("POST", "/generate", {"prompt": "they hug", **QUICK}, prefer="respond-async",
                                         idempotency_key="clock")
            expect(status == 202, f"a job: {status}")
            again, twin, _ = server.ask("POST", "/generate", {"prompt": "they hug", **QUICK}, prefer="respond-async",
                                        idempotency_key="clock")
            expect(again == 202 and b'"id"' in twin, "the same Idempotency-Key is the same job")
            begun, state = time.monotonic(), {"state": "queued"}
            while state["state"] in ("queued", "running") and time.monotonic() - begun < 60:
                time.sleep(0.2)
                state = json.loads(server.ask("GET", json.loads(body)["links"]["self"])[1])
            expect(state["state"] == "succeeded" and state["age_seconds"] <= time.monotonic() - begun + 2,
                   f"the job has {state['state']} and is {state['age_seconds']} s old")
            for path in ("/readyz", "/livez", "/metrics"):
                status, _, _ = server.ask("GET", path)
                expect(status == 200, f"{path} {status}")
            still_works(server)
            expect(server.stop() == 0, "SIGTERM ends it with exit code 0")
            days = {line[:10] for line in (Path(folder) / "log").read_text(errors="replace").splitlines() if line[:2] == "20"}
            expect(True, f"days the log speaks of: {len(days)}")


def generate(out: Path, *flags: str, frames: int = 16) -> list[str]:
    return [DUET, "generate", "they bow", "--frames", str(frames), "--steps", "2", "--seed", "1", "--out", str(out), *flags]


def environment() -> dict[str, str]:
    return {**{k: v for k, v in os.environ.items() if not k.startswith("DUET")}, "DUET_MODELS": MODELS}


def disk() -> None:
    """A disk that is full while a result is written: told in words, nothing half written, what was there before stays."""
    with tempfile.TemporaryDirectory() as folder:
        mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", folder], capture_output=True).returncode == 0
        limit = "" if mounted else "trap '' XFSZ; ulimit -f 16; "
        print(f"  {'a disk of 128 KiB' if mounted else 'files of at most 8 KiB (no disk could be mounted)'}")
        try:
            out = Path(folder) / "out"
            run = lambda *flags, **how: subprocess.run(
                ["sh", "-c", limit + 'exec "$0" "$@"', *generate(out, *flags, **how)],
                env=environment(), capture_output=True, text=True)
            small = run("--format", "bvh") if mounted else None
            before = {p.name: p.read_bytes() for p in out.iterdir()} if mounted else {}
            if mounted:
                expect(small.returncode == 0, f"a small result fits: {len(before)} files")
            full = run("--samples", "4", "--format", "npy,npz,bvh,glb", "--overwrite", frames=300)
            words = full.stderr.strip().splitlines()[-1] if full.stderr.strip() else ""
            expect(full.returncode == 1 and words.startswith("error: "), f"exit code {full.returncode}: {words}")
            after = {p.name: p.read_bytes() for p in out.iterdir()} if out.exists() else {}
            expect(after == before, f"{len(after)} files after, the same as before; none half written")
        finally:
            if mounted:
                subprocess.run(["umount", folder], check=True)


class Disk:
    """A disk of 2 MiB that can be filled; where none can be mounted, files of the server that may grow no further."""

    def __init__(self, folder: Path):
        self.data, self.filler = folder / "results", folder / "filler"
        mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
        self.mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0

    def serve(self) -> Server:
        # What is too large is an error then, not the end of the process.
        wrapper = () if self.mounted else ("sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\"")
        self.server = Server("--data-dir", str(self.data), wrapper=wrapper)
        return self.server

    def fill(self) -> None:
        if not self.mounted:
            self.bound((self.data / "index.sqlite-wal").stat().st_size)
            return
        with suppress(OSError), open(self.filler, "wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    def make_room(self) -> None:
        if self.mounted:
            self.filler.unlink()
        elif self.server.alive():
            self.bound(resource.RLIM_INFINITY)

    def bound(self, size: int) -> None:
        resource.prlimit(self.server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def order(server: Server, key: str, **settings: object) -> tuple[int, dict]:
    """A job that may be asked for again under this name."""
    asked = {"prompt": "they hug", "seed": 3, **QUICK, **settings}
    status, body, _ = server.ask("POST", "/generate", asked, prefer="respond-async", idempotency_key=key)
    return status, json.loads(body)


def end_of(server: Server, job: dict, patience: float = 120) -> dict:
    begun, address = time.monotonic(), job["links"]["self"]
    while time.monotonic() - begun < patience:
        status, body, _ = server.ask("GET", address)
        job = json.loads(body)
        if status != 200 or job["state"] not in ("queued", "running"):
            break
        time.sleep(0.1)
    return job


def is_there(server: Server, job: dict) -> bool:
    """The job has succeeded, or does, and its motion can be had."""
    ended = end_of(server, job)
    motion = ended.get("links", {}).get("motion")
    return ended.get("state") == "succeeded" and server.ask("GET", motion)[0] == 200


def full_disk() -> None:
    """A disk that is full under a running server: no job is promised that could be lost, motions are made all the same."""
    with tempfile.TemporaryDirectory() as folder:
        disk = Disk(Path(folder))
        print(f"  {'a disk of 2 MiB' if disk.mounted else 'files that may not grow (no disk could be mounted)'}")
        try:
            with disk.serve() as server:
                still_works(server)
                status, made = server.generate("they bow", **QUICK)
                promised = [order(server, "before")]
                expect(status == 200 and promised[0][0] == 202 and is_there(server, promised[0][1]), "a result and a job are kept")

                disk.fill()
                refused = [order(server, "full") for _ in range(3)]
                seen = {(status, problem.get("code")) for status, problem in refused}
                expect(seen == {(503, "job_not_kept")}, f"full: jobs are answered {seen}")
                still_works(server)
                expect(server.gauge("duet_archive_failures_total") > 0, "the failures are counted")

                disk.make_room()
                promised.append(order(server, "full"))
                expect(promised[1][0] == 202 and is_there(server, promised[1][1]), "there is room again: the job is done under its name")
                still_works(server)

                # Promised while there was room; there is none for its result.
                promised.append(order(server, "late", frames=120, steps=20))
                disk.fill()
                expect(promised[2][0] == 202 and is_there(server, promised[2][1]), "a job whose result finds no room is done, in memory")
                server.kill()
            disk.make_room()
            with disk.serve() as server:
                lost = [job["links"]["self"] for status, job in promised if status == 202 and not is_there(server, job)]
                expect(not lost, f"after kill -9 {len(lost)} of {len(promised)} jobs that were promised are lost")
                expect(server.ask("GET", f"/motions/{made['id']}")[0] == 200, "the result that was kept is there")
                still_works(server)
        finally:
            if disk.mounted:
                subprocess.run(["umount", folder], check=True)


def killed() -> None:
    """kill -9 while a result is written, at 9 moments: under its own name each file is whole."""
    large = ("--samples", "4", "--format", "npy,npz,bvh,glb")
    draw, seen = random.Random(3), []
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        subprocess.run(generate(whole, *large, frames=120), env=environment(), capture_output=True, check=True)
        reference = {p.name: p.read_bytes() for p in whole.iterdir()}
        for i in range(9):
            out = Path(folder) / f"out{i}"
            process = subprocess.Popen(
                generate(out, *large, frames=120), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # All are written under passing names first; the last moments are those of the renaming.
            wanted = draw.choice([1, len(reference) // 2, len(reference)])
            while process.poll() is None and len(os.listdir(out) if out.exists() else []) < wanted:
                time.sleep(0.001)
            time.sleep(draw.uniform(0, 0.01))
            process.send_signal(signal.SIGKILL)
            process.wait()
            files = {p.name: p.read_bytes() for p in out.iterdir()} if out.exists() else {}
            named = {name: data for name, data in files.items() if not name.endswith(".part")}
            seen.append(len(named))
            if any(reference.get(name) != data for name, data in named.items()):
                expect(False, f"run {i}: a file under its own name is not whole")
        expect(True, f"of 9 kills {seen.count(0)} left no file under its own name, {sum(0 < n < len(reference) for n in seen)} "
                     f"some, {sum(n == len(reference) for n in seen)} all {len(reference)}; every one whole")
        again = subprocess.run(
            generate(Path(folder) / "out0", *large, "--overwrite", frames=120), env=environment(), capture_output=True)
        expect(again.returncode == 0, f"the same again into the same folder: exit code {again.returncode}")


def main() -> int:
    all_of_them = {fault.__name__: fault for fault in (slow_clients, abandoned, clock, disk, full_disk, killed)}
    names = sys.argv[1:] or list(all_of_them)
    if unknown := set(names) - set(all_of_them):
        print(f"there is no {', '.join(unknown)}; there are {', '.join(all_of_them)}")
        return 2
    for name in names:
        print(f"{name}: {all_of_them[name].__doc__.splitlines()[0]}")
        all_of_them[name]()
    return int(expect.failed)


if __name__ == "__main__":
    sys.exit(main())
