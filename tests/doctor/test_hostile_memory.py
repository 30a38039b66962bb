"""The doctor as a process at the servers that send most: what it holds at once stays small."""

from __future__ import annotations

import asyncio
import json

import pytest
from doctor.hostile import bodies, documents, heads, measured, words  # noqa: F401 - they fill the table
from doctor.hostile.server import CASES, listening
from flows.processes import PYTHON, ROOT

LIMIT_BYTES = 150 * 1024 * 1024
WORST = (
    "endless-body", "endless-chunks", "one-event-without-end", "gzip-bomb", "a-hundred-thousand-headers",
    "every-answer-just-under-the-limit", "a-million-keys-for-metadata",
    "a-hundred-thousand-empty-lists-for-metadata", "a-million-tools", "pages-full-of-tools-without-end",
    "schemas-that-double-at-each-step", "words-that-look-like-secrets",
)  # fmt: skip


@pytest.mark.parametrize("name", WORST)
async def test_the_doctor_stays_small_at_a_server_that_sends_without_end(name):
    async with listening(CASES[name]) as server:
        command = (PYTHON, "-m", "doorward", "check", server.url, "--json", "--timeout", "1")
        process = await asyncio.create_subprocess_exec(
            PYTHON, measured.__file__, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await process.communicate()
    report, _, last = printed.decode().rstrip("\n").rpartition("\n")
    assert process.returncode in {0, 1, 3}
    assert json.loads(report)["version"] == 1
    assert json.loads(last)["peak_bytes"] < LIMIT_BYTES
