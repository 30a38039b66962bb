"""What a checker says of one server of the test bed: any program that prints the ids of the rules it finds broken.

From the JSON of `doorward check` the findings are taken; from any other output, every id in it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from testbed.broken import BROKEN

LIMIT_SECONDS = 300.0
NOT_HERE = {
    "CIM-01": "a server of this machine is not expected to read the documents of vendors",
    "DSC-04": "an address of this machine is that of an inside only where the server has a public name",
}
"""Servers whose fault does not show on a port of this machine, and why."""
_ID = re.compile(r"\b[A-Z]{2,5}-\d{2}\b")


@dataclass(frozen=True)
class Outcome:
    """What a checker made of one server."""

    wanted: str | None
    """The rule that the server breaks; None for a good one."""
    named: tuple[str, ...]
    """The rules that the checker names, but for what else fails of the same cause, and for other notes."""
    output: str

    @property
    def right(self) -> bool:
        """Whether it named the rule, and nothing for a good server."""
        return self.wanted in self.named if self.wanted else not self.named

    @property
    def sentence(self) -> str:
        others = [name for name in self.named if name != self.wanted]
        beside = f", beside {', '.join(others)}" if others else ""
        if self.wanted is None:
            return f"WRONG: {', '.join(others)}" if others else "rightly nothing"
        return f"found{beside}" if self.right else f"MISSED{beside}"


async def tried(command: Sequence[str], url: str, wanted: str | None) -> Outcome:
    """Run a checker at a URL, and read what it names."""
    process = await asyncio.create_subprocess_exec(
        *(word.replace("{url}", url) for word in command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    output = printed.decode("utf-8", "replace")
    also = BROKEN[wanted].also if wanted else frozenset()
    return Outcome(wanted, tuple(name for name in _named(output, wanted) if name not in also), output)


def _named(output: str, wanted: str | None) -> list[str]:
    try:
        findings = json.loads(output)["findings"]
        return [each["rule"] for each in findings if each["verdict"] != "note" or each["rule"] == wanted]
    except (ValueError, KeyError, TypeError):
        return list(dict.fromkeys(name for name in _ID.findall(output) if name in BROKEN))
