"""`python -m fuzz`: every parser under atheris, drawn requests to every endpoint, the API by its OpenAPI document.

`--runs N` inputs for each parser (800,000 before a release), `--pairs N` of redirect URIs (1,000,000), `--cases N`
requests (a tenth as many by the document), `--sockets N` raw requests at the port of a door and as many raw answers of
the server behind it (1,000,000), `--examples N` for each operation under schemathesis, `--only WORDS` (a
regular expression). Exit code 1 when anything was found. Parsers and `administration` need the extra `fuzz`.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import uvloop

from fuzz import document, endpoints, hostile_answers, redirect_pairs, sockets
from fuzz.targets import TARGETS

SLOW_MS = 100
ROW = "{:28} {:>10} {:>10} {:>7} {:>11} {:>8}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100_000, help="inputs for each parser")
    parser.add_argument("--pairs", type=int, default=100_000, help="pairs of redirect URIs that nearly match")
    parser.add_argument("--cases", type=int, default=20_000, help="requests to the endpoints")
    parser.add_argument("--sockets", type=int, default=20_000, help="cases at the sockets of a door, in each direction")
    parser.add_argument("--examples", type=int, default=200, help="requests to each operation of the API")
    parser.add_argument(
        "--only", default="", help="parsers that match; pairs, endpoints, document, sockets, administration"
    )
    return parser.parse_args()


def published() -> dict[str, Any]:
    """Return the OpenAPI document that is published."""
    text = (Path(__file__).resolve().parents[1] / "docs" / "openapi.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def under_atheris(name: str, runs: int) -> dict[str, Any]:
    """Run one parser in a process of its own and return its report."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "fuzz.one", name, str(runs), str(report)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not report.exists():
            raise RuntimeError(f"{name} gave no report:\n{done.stdout}{done.stderr}")
        line: dict[str, Any] = json.loads(report.read_text())
        return line


def show(name: str, line: dict[str, Any]) -> bool:
    """Print one row, and the finds below it; tell whether it is good."""
    slowest = line.get("slowest_ms", "-")
    print(ROW.format(name, line["inputs"], line["taken"], line["finds"], slowest, line["seconds"]), flush=True)
    if "note" in line:
        print(f"    {line['note']}")
    for find in line["kept"]:
        print(f"    {find['error']}  {find['input'][:200]}")
    return not line["finds"] and line.get("slowest_ms", 0) <= SLOW_MS


def main() -> int:
    options = parse()
    chosen = [name for name in TARGETS if re.search(options.only, name)]
    needed = {"atheris": bool(chosen), "schemathesis": bool(re.search(options.only, "administration"))}
    absent = [name for name, is_needed in needed.items() if is_needed and importlib.util.find_spec(name) is None]
    if absent:
        said = f"This needs {' and '.join(absent)}: pip install 'doorward[fuzz]'. Or name `--only endpoints`."
        print(said, file=sys.stderr)
        return 3
    print(ROW.format("parser", "inputs", "taken", "finds", "slowest ms", "seconds"))
    good = [show(name, under_atheris(name, options.runs)) for name in chosen]
    if re.search(options.only, "pairs"):
        good.append(show("pairs", redirect_pairs.campaign(options.pairs)))
    if re.search(options.only, "endpoints"):
        good.append(show("endpoints", asyncio.run(endpoints.campaign(options.cases))))
    if re.search(options.only, "document"):
        good.append(show("document", asyncio.run(document.campaign(published(), options.cases // 10))))
    for name, at_sockets in (("sockets of clients", sockets), ("sockets of the server", hostile_answers)):
        if re.search(options.only, name):
            good.append(show(name, uvloop.run(at_sockets.campaign(options.sockets))))
    if needed["schemathesis"]:
        from fuzz import api

        good.append(show("administration", api.campaign(options.examples)))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
