#!/usr/bin/env python3
"""Malformed HTTP on raw sockets: each attempt is answered with a 4xx (or a 2xx, where it is sound after all) or the connection is
closed; never a 5xx, never silence beyond the server's own time for headers and bodies. Between them, ordinary requests succeed.

    scripts/protocol_fuzz.py [--seconds 300] [--seed 1] [--slow]

--slow adds the attempts that take the server's full patience (20 s for headers, 10 s for bodies). Exit code 1 on a finding, which is
printed with what was sent.
"""

from __future__ import annotations

import argparse
import collections
import random
import re
import sys
import time

from serving import Server, Watch

BODY = b'{"prompt":"they bow","frames":16,"steps":1}'
SOUND = (
    b"POST /generate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: application/json\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
HEAD = b"GET %s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n%s\r\n"

#: Attempts by name: what is sent, piece by piece.
FIXED: dict[str, list[bytes]] = {
    "nothing": [b""],
    "a line of zeros": [b"\0" * 64 + b"\r\n\r\n"],
    "another protocol: TLS": [bytes.fromhex("16030100c8010000c40303") + b"\x55" * 200],
    "another protocol: HTTP/2": [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(40)],
    "HTTP/0.9": [b"GET /\r\n\r\n"],
    "HTTP/9.9": [b"GET / HTTP/9.9\r\nhost: localhost\r\n\r\n"],
    "no host": [b"GET /info HTTP/1.1\r\nconnection: close\r\n\r\n"],
    "two hosts": [HEAD % (b"/info", b"host: example.org\r\n")],
    "another host": [b"GET /info HTTP/1.1\r\nhost: example.org\r\nconnection: close\r\n\r\n"],
    "bare line feeds": [SOUND.replace(b"\r\n", b"\n")],
    "a header without a colon": [HEAD % (b"/info", b"nonsense\r\n")],
    "space before the colon": [HEAD % (b"/info", b"x-a : b\r\n")],
    "a folded header": [HEAD % (b"/info", b"x-a: b\r\n c\r\n")],
    "NUL in a header": [HEAD % (b"/info", b"x-a: a\0b\r\n")],
    "300 headers": [HEAD % (b"/info", b"".join(b"x-%d: y\r\n" % i for i in range(300)))],
    "a header of 64 KiB": [HEAD % (b"/info", b"x-a: " + b"y" * 65536 + b"\r\n")],
    "an address of 64 KiB": [HEAD % (b"/" + b"a" * 65536, b"")],
    "an address with a line break": [HEAD % (b"/info%0d%0ax-a:%20b", b"")],
    "ways out of the folder": [HEAD % (b"/static/../../../../etc/passwd", b"")],
    "ways out, escaped": [HEAD % (b"/static/%2e%2e%2f%2e%2e%2fetc/passwd", b"")],
    "half an escape": [HEAD % (b"/static/%", b"")],
    "an address in full": [HEAD % (b"http://example.org/info", b"")],
    "CONNECT": [b"CONNECT example.org:443 HTTP/1.1\r\nhost: example.org\r\n\r\n"],
    "TRACE": [b"TRACE / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"],
    "a method of 9000 letters": [b"A" * 9000 + b" / HTTP/1.1\r\nhost: localhost\r\n\r\n"],
    "both lengths": [SOUND.replace(b"connection:", b"transfer-encoding: chunked\r\nconnection:")],
    "two lengths": [SOUND.replace(b"connection:", b"content-length: 3\r\nconnection:")],
    "a negative length": [re.sub(rb"content-length: \d+", b"content-length: -1", SOUND)],
    "a length of 2^64": [re.sub(rb"content-length: \d+", b"content-length: 18446744073709551616", SOUND)],
    "a length of 1 GB": [re.sub(rb"content-length: \d+", b"content-length: 1000000000", SOUND)],
    "a chunk of 2^64": [SOUND.split(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\nabc"],
    "a chunk that is no number": [SOUND.split(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\nxyz\r\n"],
    "a chunk with a long extension": [
        SOUND.split(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\n2;" + b"a" * 40000 + b"\r\n{}\r\n0\r\n\r\n"
    ],
    "two codings": [SOUND.replace(b"content-length: %d" % len(BODY), b"transfer-encoding: gzip, chunked")],
    "compressed without being so": [SOUND.replace(b"connection:", b"content-encoding: gzip\r\nconnection:")],
    "Expect": [SOUND.replace(b"connection:", b"expect: 200-ok\r\nconnection:")],
    "Upgrade": [HEAD % (b"/info", b"upgrade: websocket\r\nconnection: upgrade\r\n")],
    "a range beyond all": [HEAD % (b"/static/app.js", b"range: bytes=99999999999999999999-\r\n")],
    "a request behind the request": [SOUND.replace(b"connection: close", b"connection: keep-alive") + b"GARBAGE\r\n\r\n"],
    "3 MB in chunks of a byte": [
        SOUND.split(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\n",
        b"1\r\nx\r\n" * (3 << 20),
    ],
}
#: Attempts that wait for the server to lose its patience.
SLOW: dict[str, list[bytes]] = {
    "headers that never end": [b"GET / HTTP/1.1\r\nhost: localhost\r\nx-a: "],
    "a body that never comes": [SOUND[: -len(BODY)]],
    "a body that stops": [SOUND[:-10]],
    "a connection that says nothing": [],
}
#: Words that mean something to HTTP.
WORDS = [b"\r\n", b"\n", b"\r", b"\0", b":", b" ", b"\t", b"%", b"%00", b"%2e", b"../", b"HTTP/1.1", b"chunked", b"content-length: 1\r\n",
         b"transfer-encoding: chunked\r\n", b"0\r\n\r\n", b"\xff\xfe", b"A" * 5000, b"-1", b"18446744073709551616", b"\xf0\x9f\x92\x83"]


def mutated(draw: random.Random) -> bytes:
    """A sound request with a few things changed."""
    sent = bytearray(draw.choice([SOUND, HEAD % (b"/info", b""), HEAD % (b"/motions/0/00_0.npy", b"range: bytes=0-1\r\n"),
                                  HEAD % (b"/jobs/x/events?preview=4", b"")]))
    for _ in range(draw.randint(1, 5)):
        at = draw.randrange(len(sent) + 1)
        kind = draw.randrange(4)
        if kind == 0:
            sent[at:at] = draw.choice(WORDS)
        elif kind == 1:
            del sent[at : at + draw.randint(1, 12)]
        elif kind == 2 and at < len(sent):
            sent[at] = draw.randrange(256)
        else:
            sent[at:at] = sent[at : at + draw.randint(1, 60)]
    return bytes(sent)


def attempt(server: Server, pieces: list[bytes], patience: float, whole: bool) -> str:
    """The statuses that came back, or how the connection ended."""
    with server.connect(patience) as socket:
        answer = b""
        try:
            for piece in pieces:
                socket.sendall(piece)
            if whole:
                # Nothing more will come: who waits for more can give up now.
                socket.shutdown(1)
            while len(answer) < 1 << 20 and (data := socket.recv(65536)):
                answer += data
        except TimeoutError:
            return "silence"
        except OSError:
            # Closed while we were still sending; what had been said before that may be there.
            pass
    statuses = re.findall(rb"(?:^|\r\n\r\n|\}|\n)HTTP/1\.[01] (\d{3}) ", answer)
    if answer and not statuses:
        return "an answer that is none: " + repr(answer[:60])
    return " ".join(status.decode() for status in statuses) or "closed"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("serve", nargs="*", help="flags for `duet serve`, after --")
    args = parser.parse_args()
    draw, findings, tally = random.Random(args.seed), 0, collections.Counter()

    def check(name: str, pieces: list[bytes], patience: float, whole: bool) -> None:
        nonlocal findings
        found = attempt(server, pieces, patience, whole)
        tally[found] += 1
        if found == "silence" or found.startswith(("5", "an answer")) or " 5" in found or not server.alive():
            findings += 1
            print(f"FINDING {name}: {found}\n  sent {b''.join(pieces)[:400]!r}")

    def ordinary() -> None:
        nonlocal findings
        status, _ = server.generate("they bow", frames=16, steps=1)
        if status != 200:
            findings += 1
            print(f"FINDING an ordinary request was answered {status}")

    with Server(*args.serve) as server, Watch(server) as watch:
        ordinary()
        for name, pieces in FIXED.items():
            check(name, pieces, 30, whole=True)
        ordinary()
        if args.slow:
            for name, pieces in SLOW.items():
                check(name, pieces, 40, whole=False)
            ordinary()
        begun, count = time.monotonic(), 0
        while time.monotonic() - begun < args.seconds:
            check("mutated", [mutated(draw)], 30, whole=True)
            count += 1
            if count % 500 == 0:
                ordinary()
        ordinary()
        code = server.stop()
    print(f"{len(FIXED) + (len(SLOW) if args.slow else 0)} attempts by hand, {count} mutated ones (seed {args.seed})")
    print("answers: " + ", ".join(f"{found}: {n}" for found, n in tally.most_common(20)))
    print(f"{watch.told(5)}; slowest probe {watch.slowest:.2f} s; exit code after SIGTERM {code}")
    # The probes stop a moment after the server does.
    wrong = [line for line in watch.wrong if "ConnectionRefused" not in line]
    for line in wrong[:5]:
        print(f"PROBE {line}")
    return int(findings > 0 or bool(wrong) or code != 0)


if __name__ == "__main__":
    sys.exit(main())
