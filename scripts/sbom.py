#!/usr/bin/env python3
"""A bill of materials of the program (CycloneDX 1.5, JSON), from what cargo and Cargo.lock say.

    scripts/sbom.py [--out FILE] [--features LIST | --all-features] [--target TRIPLE]
    scripts/sbom.py --check FILE [the same flags]

Lists every crate that is compiled for the program, for any platform unless --target names one: name, version, purl, licence, the
SHA-256 that Cargo.lock demands of it, and which crate needs which. Crates that only build others (`build-dependencies`, macros) have
the scope "excluded", as they are not in the program; those of tests are left out. The same sources give the same bytes: there is no
date in it, and its serial number is made from the rest.

What is made is looked at before it is written: that it is well formed, that its references lead somewhere, that each crate of a
registry has a checksum. --check looks at a file in the same way, and whether it is what would be made now. Exit code 1 on a finding.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"
#: Names this tool's serial numbers have in common.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/duet")


def cargo(flags: list[str]) -> dict:
    command = ["cargo", "metadata", "--format-version", "1", "--locked", *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
    return json.loads(done.stdout)


def checksums() -> dict[tuple[str, str, str], str]:
    """SHA-256 of each crate by name, version and source."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(p["name"], p["version"], p["source"]): p["checksum"] for p in lock["package"] if "checksum" in p}


def needs(metadata: dict) -> tuple[dict[str, list[str]], set[str]]:
    """Whom each crate of the program needs, tests left out; and who of them is in the program itself."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    macros = {p["id"] for p in metadata["packages"] if any("proc-macro" in target["kind"] for target in p["targets"])}
    root = metadata["resolve"]["root"]
    graph: dict[str, list[str]] = {}
    inside, waiting = set(), [(root, True)]
    while waiting:
        name, is_inside = waiting.pop()
        is_inside = is_inside and name not in macros
        if name in graph and (name in inside or not is_inside):
            continue
        if is_inside:
            inside.add(name)
        graph[name] = []
        for dep in nodes[name]["deps"]:
            kinds = {kind["kind"] for kind in dep["dep_kinds"]} - {"dev"}
            if kinds:
                graph[name].append(dep["pkg"])
                waiting.append((dep["pkg"], is_inside and None in kinds))
    return graph, inside


def purl(package: dict) -> str:
    address = f"pkg:cargo/{package['name']}@{quote(package['version'])}"
    source = package["source"]
    return address if source in (None, REGISTRY) else f"{address}?vcs_url={quote(source, safe='')}"


def licences(package: dict) -> list[dict]:
    if package["license"]:
        # Before 2019 crates wrote "MIT/Apache-2.0".
        return [{"expression": re.sub(r"\s*/\s*", " OR ", package["license"])}]
    return [{"license": {"name": f"in its file {package['license_file']}"}}] if package["license_file"] else []


def component(package: dict, sums: dict[tuple[str, str, str], str], **more: str) -> dict:
    made = {"type": "library", "bom-ref": purl(package), "name": package["name"], "version": package["version"], **more}
    if found := sums.get((package["name"], package["version"], package["source"])):
        made["hashes"] = [{"alg": "SHA-256", "content": found}]
    if licence := licences(package):
        made["licenses"] = licence
    made["purl"] = purl(package)
    return made


def bill(flags: list[str]) -> dict:
    metadata, sums = cargo(flags), checksums()
    packages = {package["id"]: package for package in metadata["packages"]}
    graph, inside = needs(metadata)
    root = metadata["resolve"]["root"]
    scope = lambda name: "required" if name in inside else "excluded"
    made = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "pre-build"}],
            "tools": {"components": [{"type": "application", "name": "scripts/sbom.py"}]},
            "component": component(packages[root], sums, type="application"),
            "properties": [{"name": "duet:cargo-flags", "value": " ".join(flags) or "none"}],
        },
        "components": sorted(
            (component(packages[name], sums, scope=scope(name)) for name in graph if name != root), key=lambda c: c["bom-ref"]
        ),
        "dependencies": sorted(
            ({"ref": purl(packages[name]), "dependsOn": sorted(purl(packages[to]) for to in set(needed))}
             for name, needed in graph.items()),
            key=lambda d: d["ref"],
        ),
    }
    return {**made, "serialNumber": serial(made)}


def serial(made: dict) -> str:
    rest = {name: value for name, value in made.items() if name != "serialNumber"}
    return f"urn:uuid:{uuid.uuid5(NAMESPACE, json.dumps(rest, sort_keys=True))}"


def text(made: dict) -> str:
    return json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


#: An SPDX expression: names, AND, OR, WITH and brackets, as far as one can tell without the list of licences.
NAME = r"[A-Za-z0-9][A-Za-z0-9.+-]*"
TERM = rf"\(*{NAME}(?: WITH {NAME})?\)*"
EXPRESSION = re.compile(rf"{TERM}(?: (?:AND|OR) {TERM})*")


def findings(made: dict) -> Iterator[str]:
    """What is wrong with a bill, by the rules of CycloneDX 1.5 that it is subject to and by ours."""
    for name, value in (("bomFormat", "CycloneDX"), ("specVersion", "1.5"), ("version", 1), ("serialNumber", serial(made))):
        if made.get(name) != value:
            yield f"{name} is {made.get(name)!r}, not {value!r}"
    try:
        root, components, graph = made["metadata"]["component"], made["components"], made["dependencies"]
    except KeyError as missing:
        yield f"{missing} is missing"
        return
    known: set[str] = set()
    for part in [root, *components]:
        yield from (f"{part.get('bom-ref')}: {words}" for words in wrong_with(part, part is root))
        if part.get("bom-ref") in known:
            yield f"{part['bom-ref']} is there twice"
        known.add(part.get("bom-ref"))
    told = {entry["ref"]: entry["dependsOn"] for entry in graph}
    if len(told) != len(graph) or set(told) != known:
        yield f"the graph tells of {len(graph)} crates, the list of {len(known)}"
        return
    for name, needed in told.items():
        yield from (f"{name} needs {other}, which is not listed" for other in needed if other not in known)
        if needed != sorted(set(needed)):
            yield f"{name}: its needs are not in order, or there twice"
    reached, waiting = set(), [root["bom-ref"]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(other for other in told[name] if other in known)
    yield from (f"nobody needs {name}" for name in sorted(known - reached))


def wrong_with(part: dict, is_root: bool) -> Iterator[str]:
    if part.get("type") != ("application" if is_root else "library"):
        yield f"type {part.get('type')!r}"
    if not all(isinstance(part.get(name), str) and part[name] for name in ("bom-ref", "name", "version", "purl")):
        yield "bom-ref, name, version and purl are texts"
        return
    if not part["purl"].startswith(f"pkg:cargo/{part['name']}@{quote(part['version'])}"):
        yield f"purl {part['purl']}"
    if not is_root and part.get("scope") not in ("required", "excluded"):
        yield f"scope {part.get('scope')!r}"
    hashes = part.get("hashes", [])
    if not is_root and "?" not in part["purl"] and not hashes:
        yield "no checksum"
    if any(h["alg"] != "SHA-256" or not re.fullmatch("[0-9a-f]{64}", h["content"]) for h in hashes):
        yield "a checksum that is none"
    terms = part.get("licenses", [])
    if len(terms) != 1:
        yield "no licence"
    for term in terms:
        expression = term.get("expression")
        if expression is not None and (not EXPRESSION.fullmatch(expression) or expression.count("(") != expression.count(")")):
            yield f"licence {expression!r}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="file to write; printed unless given")
    parser.add_argument("--check", type=Path, metavar="FILE", help="look at a file instead of writing one")
    parser.add_argument("--features", help="those of the program, separated by commas")
    parser.add_argument("--all-features", action="store_true")
    parser.add_argument("--target", help="only what is compiled for this platform, such as x86_64-unknown-linux-gnu")
    args = parser.parse_args()
    flags = ["--features", args.features] if args.features else []
    flags += ["--all-features"] if args.all_features else []
    flags += ["--filter-platform", args.target] if args.target else []

    made = bill(flags)
    found = [f"what is made: {words}" for words in findings(made)]
    if args.check:
        held = args.check.read_text()
        try:
            found += [f"{args.check}: {words}" for words in findings(json.loads(held))]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            found.append(f"{args.check} is no bill of materials: {error!r}")
        if held != text(made):
            found.append(f"{args.check} is not what would be made now")
    elif not found and args.out:
        args.out.write_text(text(made))
    elif not found:
        sys.stdout.write(text(made))
    for words in found:
        print(f"FINDING {words}", file=sys.stderr)
    scopes = [part["scope"] for part in made["components"]]
    print(f"{len(scopes)} crates, {scopes.count('required')} of them in the program; {len(found)} findings", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
