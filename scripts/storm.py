#!/usr/bin/env python3
"""Requests without sense, and far more sensible ones than there is room for.

    scripts/storm.py [absurd] [queue] [connections] [--requests 10000] [--callers 64] [--serve FLAGS]    all three unless named

absurd: each request that asks for too much, or for nothing that makes sense, is sent 20 times: a 4xx before anything is made room for.
Prints how long the answers took, and memory before and after.
queue, connections: so many requests from so many callers at a server with one place in its queue, and at one that has one connection
at a time: every one is answered 200, 429 or 503 (or, with one connection, waits), nothing stays open, memory stays where it is, and
one ordinary request succeeds afterwards.

Takes the model of $DUET_MODELS (`scripts/small_model.py` makes a tiny one, with which ten thousand take the least time). Exit code 1 on
a finding. Times are told and not judged: they are the machine's as much as the server's.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import threading
import time

from serving import Server, Watch, expect, percentile

QUICK = {"prompt": "they bow", "frames": 16, "steps": 1}
#: Values that no number of a request may have, as JSON writes them.
NUMBERS = ["1000000", "18446744073709551615", "18446744073709551616", "-1", "NaN", "1e308", "-1e308", "1e999", '"3"', "null", "[1]", "{}"]
FIELDS = ["samples", "steps", "frames", "seconds", "guidance", "top_k_ratio", "temperature", "memory"]
#: Whole bodies: lists, repetitions, nesting, long texts, a body beyond the limit.
WHOLE = [
    b'{"prompt":"they bow","seed":-1}',
    b'{"prompt":"they bow","seed":[' + b"1," * 20000 + b"1]}",
    b'{"prompt":"they bow"' + b',"samples":1' * 4000 + b"}",
    b"[" * 60000,
    b'{"prompt":' + b"[" * 60000,
    b'{"prompt":"' + b"x" * 60000 + b'"}',
    b'{"prompt":"they bow","n":1000000}',
    b'{"prompt":"\\ud800"}',
    b'{"prompt":"' + b"x" * (3 << 20) + b'"}',
]
#: Largest share by which memory may grow.
GROWTH = 0.05
#: Requests from which on it is judged: over fewer, caches that still fill up are all that is seen (for a thousand motions or so).
MANY = 5000


def still_works(server: Server) -> None:
    begun = time.monotonic()
    status, _, _ = server.ask("POST", "/generate", QUICK)
    expect(status == 200, f"an ordinary request right after: {status} in {time.monotonic() - begun:.2f} s")


def warm_up(server: Server, count: int) -> None:
    """As many results as are kept, so that what comes later takes the room of what leaves."""
    for _ in range(count):
        server.ask("POST", "/generate", QUICK)


def absurd(args: argparse.Namespace) -> None:
    bodies = [f'{{"prompt":"they bow","{field}":{number}}}'.encode() for field in FIELDS for number in NUMBERS] + WHOLE
    with Server("--no-data", *args.serve) as server:
        warm_up(server, 20)
        for body in bodies:
            server.ask("POST", "/generate", body)
        before, times, wrong = server.resources(), [], collections.Counter()
        for body in bodies * 20:
            begun = time.monotonic()
            status, _, _ = server.ask("POST", "/generate", body)
            times.append(1000 * (time.monotonic() - begun))
            if not 400 <= status < 500:
                wrong[f"{status} for {body[:60]!r}"] += 1
        after = server.resources()
        small = [took for took, body in zip(times, bodies * 20) if len(body) <= 65536]
        expect(not wrong, f"{len(times)} requests of {len(bodies)} kinds, each a 4xx: {dict(wrong) or 'yes'}")
        for words, some in (("all", times), ("bodies of 64 KiB at most", small)):
            print(f"  {words}: median {percentile(some, 0.5):.2f} ms, 99 % {percentile(some, 0.99):.2f} ms, longest {max(some):.2f} ms")
        told(before, after, judged=True)
        still_works(server)


def told(before: dict[str, int], after: dict[str, int], judged: bool) -> None:
    flat = after["rss"] <= (1 + GROWTH) * before["rss"]
    expect(flat or not judged, f"memory {before['rss'] / 1024:.1f} MiB before, {after['rss'] / 1024:.1f} after")
    expect(after["files"] <= before["files"] + 2, f"open files {before['files']} before, {after['files']} after")
    expect(after["threads"] <= before["threads"] + 4, f"threads {before['threads']} before, {after['threads']} after")


def storm(args: argparse.Namespace, *flags: str) -> None:
    """All of them, and what was answered; memory is looked at from the second third on."""
    answers: collections.Counter[str] = collections.Counter()
    lock, left = threading.Lock(), 0

    def call(server: Server) -> None:
        nonlocal left
        while True:
            with lock:
                if left == 0:
                    return
                left -= 1
            try:
                status, body, headers = server.ask("POST", "/generate", QUICK)
                answer = str(status) if status == 200 else f"{status} {json.loads(body)['code']}"
                if status in (429, 503) and "retry-after" not in headers and "took_too_long" not in answer:
                    answer += " without Retry-After"
            except (OSError, ValueError) as error:
                answer = f"broken: {type(error).__name__}"
            with lock:
                answers[answer] += 1

    def send(server: Server, count: int) -> None:
        nonlocal left
        left = count
        callers = [threading.Thread(target=call, args=(server,)) for _ in range(args.callers)]
        [caller.start() for caller in callers]
        [caller.join() for caller in callers]

    with Server("--no-data", *flags, *args.serve) as server:
        warm_up(server, min(300, args.requests))
        begun = time.monotonic()
        with Watch(server, every=5.0) as watch:
            send(server, args.requests // 3)
            time.sleep(1)
            before = server.resources()
            send(server, args.requests - args.requests // 3)
            took = time.monotonic() - begun - 1
        time.sleep(1)
        after = server.resources()
        sound = {"200", "429 queue_full", "503 model_not_ready", "503 took_too_long"}
        print(f"  {args.requests} requests from {args.callers} callers in {took:.1f} s: " + ", ".join(
            f"{answer}: {n}" for answer, n in answers.most_common()))
        expect(set(answers) <= sound and sum(answers.values()) == args.requests, "each was answered 200, 429 or 503")
        expect(answers["200"] > 0, "some were served")
        told(before, after, judged=args.requests >= MANY)
        expect(not watch.wrong, f"/healthz and /metrics held: {watch.wrong[:2] or 'always 200'}; slowest {watch.slowest:.2f} s")
        still_works(server)
        expect(server.gauge("duet_waiting") == 0, "nobody is left in the queue")
        expect(server.stop() == 0, "SIGTERM ends it with exit code 0")


def queue(args: argparse.Namespace) -> None:
    storm(args, "--queue", "1")


def connections(args: argparse.Namespace) -> None:
    storm(args, "--connections", "1")


def main() -> int:
    parts = {part.__name__: part for part in (absurd, queue, connections)}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(parts))
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--serve", nargs=argparse.REMAINDER, default=[], help="flags for `duet serve`; the last of all")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(parts):
        parser.error(f"no such part: {' '.join(sorted(unknown))}")
    for name in args.parts or parts:
        print(name)
        parts[name](args)
    return int(expect.failed)


if __name__ == "__main__":
    sys.exit(main())
