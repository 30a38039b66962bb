"""A stdio server of both eras that does what the plan of a call says, odd things too: `python child.py FACTS`.

It writes the facts it knows, which calls it ran and when it dies, to the file FACTS before it acts. Standard library
and the judge's plans only.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from judge.traffic.plans import result_of

_lock = threading.Lock()
_INFO = {"name": "child", "version": "1"}


def write(line: str) -> None:
    with _lock:
        sys.stdout.write(line)
        sys.stdout.flush()


def put(message: dict[str, Any]) -> None:
    write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")


class Facts:
    """The facts of a process that may die at any moment."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, name: str, tag: str) -> None:
        fact = {"type": "fact", "name": name, "id": tag, "at": time.monotonic_ns()}
        os.write(self._handle, json.dumps(fact).encode() + b"\n")


class Call:
    """One tool call."""

    def __init__(self, facts: Facts, message: dict[str, Any]) -> None:
        self.facts = facts
        self.rpc_id = message["id"]
        params = message["params"]
        self.token = params.get("_meta", {}).get("progressToken")
        self.tag, self.plan = params["arguments"]["tag"], params["arguments"]["plan"]
        self.said = f"<{self.tag}>"

    def run(self) -> None:
        self.facts.note("ran", self.tag)
        time.sleep(self.plan.get("wait_ms", 0) / 1000)
        for number in range(self.plan.get("notes", 0)):
            self.progress(number, self.token)
            time.sleep(self.plan.get("gap_ms", 0) / 1000)
        getattr(self, "odd_" + self.plan.get("odd", "none").replace("-", "_"))()

    def answer(self) -> None:
        put({"id": self.rpc_id, "result": result_of(self.tag, self.plan)})

    def log(self) -> None:
        put({"method": "notifications/message", "params": {"level": "info", "data": self.said}})

    def progress(self, number: int, token: Any) -> None:
        params = {"progressToken": token, "progress": number, "message": self.said}
        put({"method": "notifications/progress", "params": params})

    def odd_none(self) -> None:
        self.answer()

    def odd_logs_before(self) -> None:
        for _ in range(5):
            self.log()
            time.sleep(0.002)
        self.answer()

    def odd_logs_after(self) -> None:
        self.answer()
        for _ in range(5):
            self.log()
            time.sleep(0.002)

    def odd_garbage(self) -> None:
        write(f"{self.said} is no JSON\n")
        self.answer()

    def odd_broken_answer(self) -> None:
        text = json.dumps({"jsonrpc": "2.0", "id": self.rpc_id, "result": {"text": self.said}})
        write(text[:-1] + "\n")

    def odd_twice(self) -> None:
        self.answer()
        self.answer()

    def odd_asks(self) -> None:
        put({"id": self.said, "method": "roots/list"})
        self.answer()

    def odd_nameless(self) -> None:
        put({"id": None, "error": {"code": -32700, "message": self.said}})
        self.answer()

    def odd_nameless_after(self) -> None:
        self.answer()
        put({"id": None, "error": {"code": -32700, "message": self.said}})

    def odd_split(self) -> None:
        text = json.dumps({"jsonrpc": "2.0", "id": self.rpc_id, "result": result_of(self.tag, self.plan)}, indent=1)
        write(text + "\n")

    def odd_prefixed(self) -> None:
        write("INFO: ")
        self.answer()

    def odd_stderr(self) -> None:
        sys.stderr.write(f"{self.said}\n" * 20)
        sys.stderr.flush()
        self.answer()

    def odd_changes(self) -> None:
        put({"method": "notifications/resources/updated", "params": {"uri": f"x:{self.said}"}})
        put({"method": "notifications/tools/list_changed"})
        self.answer()

    def odd_strange_progress(self) -> None:
        for token in (1, "p1", self.said, None):
            self.progress(1, token)
        self.answer()

    def odd_late(self) -> None:
        time.sleep(0.3)
        self.answer()

    def odd_dies(self) -> None:
        self.facts.note("died", self.tag)
        os._exit(3)

    def odd_dies_in_line(self) -> None:
        self.facts.note("died", self.tag)
        write('{"jsonrpc": "2.0", "id": ' + json.dumps(self.rpc_id) + f', "result": {{"text": "{self.said}')
        os._exit(0)


def main(facts: Facts) -> None:
    for line in sys.stdin:
        message = json.loads(line)
        rpc_id, method = message.get("id"), message.get("method")
        if rpc_id is None or method is None:
            continue
        if method == "initialize":
            known = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": _INFO}
            put({"id": rpc_id, "result": known})
        elif method == "server/discover":
            known = {"supportedVersions": ["2026-07-28"], "capabilities": {}, "serverInfo": _INFO}
            put({"id": rpc_id, "result": {"resultType": "complete", "ttlMs": 0, "cacheScope": "private", **known}})
        elif "arguments" in (message.get("params") or {}):
            threading.Thread(target=Call(facts, message).run, daemon=True).start()


if __name__ == "__main__":
    main(Facts(Path(sys.argv[1])))
