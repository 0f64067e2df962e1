#!/usr/bin/env python3
"""Open-loop load: requests come when they come, whether or not the server keeps up.

    scripts/load.py [--seconds 600] [--rates 0.5,1,3] [--mix]

Measures the capacity first (a few callers who each ask again at once), then sends requests at random times (a Poisson process) at
each multiple of it, and prints throughput, latencies, refusals by code, and memory over time. Every motion is compared, byte for
byte, with the same request asked alone before. Exit code 1 on a 5xx, a wrong byte, a probe that failed, or memory that grew by
more than 5 % after the first third.

With --mix batches, edits, jobs that are cancelled, callers who leave and requests that are wrong come in between.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import random
import sys
import threading
import time

from serving import Server, Watch, percentile

PROMPTS = ["two people dance salsa", "they bow to each other", "one person pushes the other", "they hug", "two people walk side by side"]


def orders(count: int) -> list[dict]:
    """Requests of different lengths, seeds and guidance."""
    draw = random.Random(4)
    return [
        {
            "prompt": PROMPTS[i % len(PROMPTS)],
            "frames": draw.choice([32, 60, 88, 120]),
            "seed": 100 + i,
            "steps": draw.choice([8, 12]),
            "guidance": draw.choice([1, 2, 3.5]),
        }
        for i in range(count)
    ]


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


class Tally:
    """What was answered."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.times: list[float] = []
        self.codes: collections.Counter[str] = collections.Counter()
        self.wrong = 0

    def add(self, code: str, seconds: float | None = None, wrong: bool = False) -> None:
        with self.lock:
            self.codes[code] += 1
            if seconds is not None:
                self.times.append(seconds)
            self.wrong += wrong

    def failures(self) -> int:
        """Answers that should not be: 5xx, and connections that broke."""
        return sum(n for code, n in self.codes.items() if code.startswith(("5", "broken")))


def one(server: Server, order: dict, reference: str | None, tally: Tally, patience: float) -> None:
    begun = time.monotonic()
    try:
        status, body, _ = server.ask("POST", "/generate?format=npz", order, timeout=patience)
    except OSError as error:
        tally.add(f"broken: {type(error).__name__}")
        return
    took = time.monotonic() - begun
    if status == 200:
        tally.add("200", took, reference is not None and digest(body) != reference)
    else:
        tally.add(f"{status} {json.loads(body)['code']}")


def odd(server: Server, draw: random.Random, tally: Tally) -> None:
    """Something else than a generation."""
    kind = draw.randrange(5)
    try:
        if kind == 0:
            status, _, _ = server.ask("POST", "/generate", {"prompt": "x", "frames": draw.choice([-1, 1e308, "3", None])})
            tally.add(f"odd {status}" if status == 400 else f"5 wrong refusal {status}")
        elif kind == 1:
            body = {"requests": [{"prompt": "they bow", "frames": 16, "steps": 2}, {"prompt": ""}]}
            status, _, _ = server.ask("POST", "/generate/batch", body)
            tally.add(f"odd batch {status}" if status < 500 else f"{status} batch")
        elif kind == 2:
            status, body, _ = server.ask("POST", "/generate", {"prompt": "they hug"}, prefer="respond-async")
            if status == 202:
                server.ask("DELETE", json.loads(body)["links"]["self"])
            tally.add(f"odd job {status}" if status < 500 else f"{status} job")
        elif kind == 3:
            # Leaves without the answer.
            with server.connect() as socket:
                body = b'{"prompt":"they hug"}'
                socket.sendall(b"POST /generate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                               b"content-length: %d\r\n\r\n%s" % (len(body), body))
                time.sleep(draw.random() / 5)
            tally.add("odd left")
        else:
            status, body, _ = server.ask("POST", "/generate", {"prompt": "they bow", "frames": 32, "steps": 4})
            if status == 200:
                edit = {"parent": json.loads(body)["id"], "kind": "vary", "share": 0.3, "steps": 4}
                status, _, _ = server.ask("POST", "/edit", edit)
            # The parent may have left the store under load.
            tally.add(f"odd edit {status}" if status < 500 else f"{status} edit")
    except OSError as error:
        tally.add(f"broken odd: {type(error).__name__}")


def capacity(server: Server, orders: list[dict], seconds: float, callers: int) -> float:
    """Requests a second that are answered where callers wait for their answers."""
    tally, end = Tally(), time.monotonic() + seconds

    def ask(first: int) -> None:
        turn = first
        while time.monotonic() < end:
            one(server, orders[turn % len(orders)], None, tally, 300)
            turn += callers

    begun = time.monotonic()
    threads = [threading.Thread(target=ask, args=(i,)) for i in range(callers)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return tally.codes["200"] / (time.monotonic() - begun)


def arrivals(server: Server, orders: list[dict], known: list[str], rate: float, seconds: float, mix: bool) -> Tally:
    """Send at ``rate`` for so long, and wait for the last answer."""
    tally, draw = Tally(), random.Random(7)
    threads: list[threading.Thread] = []
    begun = due = time.monotonic()
    while True:
        due += draw.expovariate(rate)
        if due - begun > seconds:
            break
        time.sleep(max(0.0, due - time.monotonic()))
        if mix and draw.random() < 0.3:
            thread = threading.Thread(target=odd, args=(server, random.Random(draw.random()), tally))
        else:
            i = draw.randrange(len(orders))
            thread = threading.Thread(target=one, args=(server, orders[i], known[i], tally, 300))
        thread.start()
        threads = [t for t in threads if t.is_alive()] + [thread]
    [thread.join() for thread in threads]
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600, help="at each rate")
    parser.add_argument("--rates", default="0.5,1,3", help="multiples of the capacity")
    parser.add_argument("--measure", type=float, default=30, help="seconds to measure the capacity in")
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--orders", type=int, default=16, help="different requests")
    parser.add_argument("--mix", action="store_true")
    parser.add_argument("serve", nargs="*", help="flags for `duet serve`, after --")
    args = parser.parse_args()
    asked = orders(args.orders)
    failed = False
    with Server(*args.serve) as server:
        known = []
        for order in asked:
            status, body, _ = server.ask("POST", "/generate?format=npz", order)
            if status != 200:
                raise SystemExit(f"a request alone was answered {status}: {body[:200]!r}")
            known.append(digest(body))
        print(f"{len(asked)} different requests asked alone, one after the other; now {args.callers} callers at once")
        limit = capacity(server, asked, args.measure, args.callers)
        print(f"capacity {limit:.2f} requests/s")
        for factor in map(float, args.rates.split(",")):
            with Watch(server) as watch:
                begun = time.monotonic()
                tally = arrivals(server, asked, known, factor * limit, args.seconds, args.mix)
                took = time.monotonic() - begun
            done = tally.codes["200"]
            print(f"\n{factor:g} x capacity = {factor * limit:.2f} requests/s for {args.seconds:.0f} s")
            print(f"  {done / took:.2f} motions/s; " + ", ".join(
                f"p{share} {percentile(tally.times, share / 100):.2f} s" for share in (50, 95, 99)))
            print("  answers: " + ", ".join(f"{code}: {n}" for code, n in sorted(tally.codes.items())))
            print(f"  motions that differ from the reference: {tally.wrong} of {done}")
            print(f"  {watch.told(args.seconds / 3)}; slowest probe {watch.slowest:.2f} s")
            for line in watch.wrong[:5]:
                print(f"  PROBE {line}")
            memory = [seen["rss"] for at, seen in watch.seen if at >= args.seconds / 3]
            fifth = max(1, len(memory) // 5)
            tenths = [[seen["rss"] for at, seen in watch.seen if n <= 10 * at / args.seconds < n + 1] for n in range(10)]
            print("  rss by tenths of the time: " + ", ".join(f"{sum(t) / len(t) / 1024:.0f}" for t in tenths if t) + " MiB")
            # Over a minute and less, caches that still fill up are all that is seen.
            grown = args.seconds >= 300 and sum(memory[-fifth:]) > 1.05 * sum(memory[:fifth])
            if tally.failures() or tally.wrong or watch.wrong or grown:
                failed = True
                print("  FAILED" + (": memory grew by more than 5 %" if grown else ""))
        status, _ = server.generate("they bow", frames=32, steps=4)
        code = server.stop()
        print(f"\nafterwards: one request {status}, exit code after SIGTERM {code}")
        failed |= status != 200 or code != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
