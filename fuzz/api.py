"""The administration API of a real door under schemathesis, by the OpenAPI document that it publishes.

No answer may be a 5xx, have a status or a type that the document does not name, or a body that breaks its schema.
What takes something away comes last and with a token of its own, since it may take away that.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from flows.door import Door, serving
from flows.processes import ROOT

from doorward.administration.operation import CAPABILITIES

TARGET = ROOT / "tests" / "flows" / "servers" / "fastmcp_server.py"
DOCUMENT = ROOT / "docs" / "openapi.json"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
TAKES_AWAY = r"DELETE|disabled"
_COUNTS = re.compile(r"(\d+) generated, (\d+) passed")


def campaign(examples: int) -> dict[str, Any]:
    """Run both parts and return what was done, as the other campaigns do."""
    started = time.monotonic()
    line: dict[str, Any] = {"inputs": 0, "taken": 0, "finds": 0, "kept": []}
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, serving(TARGET, data_dir=Path(folder) / "data") as door:
        paths = json.loads(DOCUMENT.read_text())["paths"]
        names = [
            (each["operationId"], method.upper(), path) for path, all_ in paths.items() for method, each in all_.items()
        ]
        for takes_away in (False, True):
            chosen = [name for name, *rest in names if bool(re.search(TAKES_AWAY, " ".join(rest))) is takes_away]
            _part(door, chosen, examples, line, folder)
    return line | {"seconds": round(time.monotonic() - started, 1)}


def _part(door: Door, operations: list[str], examples: int, line: dict[str, Any], folder: str) -> None:
    flags = [word for capability in CAPABILITIES for word in ("--capability", capability)]
    token = door.command("tokens", "create", "--name", "fuzz", *flags)["token"]
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(DOCUMENT), "--no-color", "--phases", "fuzzing"]
    command += [
        "--url",
        door.program.url("/-/api/v1"),
        "--header",
        f"Authorization: Bearer {token}",
        "--checks",
        CHECKS,
    ]
    command += ["--max-examples", str(examples)]
    command += [word for name in operations for word in ("--include-operation-id", name)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = _COUNTS.search(done.stdout)
    if found is None:
        raise RuntimeError(f"schemathesis gave no counts:\n{done.stdout}{done.stderr}")
    generated, passed = map(int, found.groups())
    line["inputs"] += generated
    line["taken"] += passed
    line["finds"] += generated - passed
    if done.returncode:
        line["finds"] += generated == passed
        line["kept"].append({"error": "schemathesis found something", "input": done.stdout})
