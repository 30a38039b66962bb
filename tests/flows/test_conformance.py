"""The official conformance suite through a door: nothing that passes without the door may fail behind it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from flows import conformance, foreign
from flows.conformance import REVISIONS, Revision, Score
from flows.door import serving
from flows.processes import PYTHON, Program

SERVER = foreign.SERVERS / "conformance_server.py"
FASTMCP = foreign.SERVERS / "conformance_fastmcp.py"
FULL = {"2025-11-25": 30, "2026-07-28": 37}
FASTMCP_LACKS = {"2025-11-25": {"resources-subscribe", "resources-unsubscribe"}, "2026-07-28": set()}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Program]:
    with foreign.python_server("conformance_server") as program:
        yield program


@cache
def without_a_door(url: str, revision: Revision) -> Score:
    return conformance.run(url, revision)


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_server_alone_has_the_full_score(upstream: Program, revision: Revision):
    score = without_a_door(upstream.url(), revision)
    assert (score.passed, len(score.required)) == (FULL[revision], FULL[revision]), score.faults


@pytest.mark.parametrize("revision", REVISIONS)
def test_an_open_door_changes_no_verdict(upstream: Program, tmp_path: Path, revision: Revision):
    with serving(upstream.url(), data_dir=tmp_path, auth="none") as door:
        score = conformance.run(door.url, revision)
    bare = without_a_door(upstream.url(), revision)
    assert score.required == bare.required, score.new_faults(bare)
    assert score.lost_against(bare) == [], score.new_faults(bare)


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_door_that_asks_for_a_token_changes_no_verdict(upstream: Program, tmp_path: Path, revision: Revision):
    with serving(upstream.url(), data_dir=tmp_path, auth="token") as door:
        header = f"Authorization: Bearer {door.header_token()}"
        with foreign.header_adder(door.program.port, header) as adder:
            score = conformance.run(adder.url(), revision)
    bare = without_a_door(upstream.url(), revision)
    assert score.required == bare.required, score.new_faults(bare)
    assert score.lost_against(bare) == [], score.new_faults(bare)


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_server_in_process_has_the_same_verdicts(upstream: Program, tmp_path: Path, revision: Revision):
    with serving(SERVER, data_dir=tmp_path, auth="none") as door:
        score = conformance.run(door.url, revision)
    bare = without_a_door(upstream.url(), revision)
    assert score.required == bare.required, score.new_faults(bare)
    assert score.lost_against(bare, unscored=False) == [], score.new_faults(bare)


@pytest.mark.timeout(240)  # each of the 33 scenarios starts a child, and a child takes seconds on a slow machine
@pytest.mark.parametrize("revision", REVISIONS)
def test_a_command_behind_a_door_has_the_verdicts_of_an_http_server(
    upstream: Program, tmp_path: Path, revision: Revision
):
    with serving(PYTHON, "-W", "ignore", SERVER, "--stdio", data_dir=tmp_path, auth="none") as door:
        score = conformance.run(door.url, revision)
    bare = without_a_door(upstream.url(), revision)
    assert score.required == bare.required, score.new_faults(bare)


@pytest.mark.parametrize("revision", REVISIONS)
def test_fastmcp_in_process_loses_nothing_behind_a_door(tmp_path: Path, revision: Revision):
    with foreign.python_server("conformance_fastmcp") as program:
        bare = conformance.run(program.url(), revision)
    assert {name for name, good in bare.required.items() if not good} == FASTMCP_LACKS[revision], bare.faults
    with serving(FASTMCP, data_dir=tmp_path, auth="none") as door:
        score = conformance.run(door.url, revision)
    assert score.lost_against(bare) == [], score.new_faults(bare)


def test_the_proxy_that_adds_a_header_loses_nothing(upstream: Program):
    with foreign.header_adder(upstream.port, "X-Added: yes") as adder:
        score = conformance.run(adder.url(), "2025-11-25")
    assert score.lost_against(without_a_door(upstream.url(), "2025-11-25")) == []


def test_an_output_without_a_summary_is_no_score():
    with pytest.raises(ValueError, match="no summary"):
        conformance.parse("Connection refused")


def test_what_the_clock_of_the_suite_ended_is_no_verdict():
    required = {"ping": True, "server-initialize": False, "tools-list": False, "tools-call": False}
    checks = {"ping": (1, 0), "server-initialize": (1, 1), "tools-list": (0, 0), "tools-call": (0, 1)}
    faults = [
        "server-server-initialize: session-id: Failed to send: The operation was aborted due to timeout",
        "server-tools-call: tools-call: no content",
    ]
    score = Score(required=required, unscored={}, checks=checks, faults=faults)
    assert score.given_up == ["server-initialize", "tools-list"]
