"""The doctor past the sign-in, as a person uses it: at a real door, and at servers that nobody here wrote."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess

import pytest
from flows.door import PASSWORD, serving
from flows.foreign import cloudflare, python_server, typescript_v1, typescript_v2
from flows.processes import PYTHON, ROOT
from flows.signing_in import check_with_login
from flows.user_agent import Person

from doorward.doctor.engine.rules import rules

OWNER = Person("owner", PASSWORD)


def only_what_expires_by_itself(clients: list[dict]) -> bool:
    """A public client has no secret, so nobody could prove that it is his to delete: a door forgets it after a day."""
    methods = {each["token_endpoint_auth_method"] for each in clients}
    return methods <= {"none"} and all("throw-away" in each["client_name"] for each in clients)


def test_doorward_itself_has_no_findings_past_the_sign_in_and_keeps_nothing(tmp_path):
    with serving("examples/01_fastmcp.py", data_dir=tmp_path) as door:
        done = asyncio.run(check_with_login(door.url, OWNER, "--strict"))
        clients, grants = door.command("clients", "list", "--all"), door.command("grants", "list")
    assert done.report["findings"] == []
    assert done.report["faults"] == []
    assert done.code == 0
    assert {each["verdict"] for each in done.report["clients"].values()} == {"connects"}
    assert {"RS-01", "RS-06", "TOK-05", "TOK-07", "TOK-08", "AUT-05"}.isdisjoint(
        each["rule"] for each in done.report["not_checked"]
    )
    assert only_what_expires_by_itself(clients)
    assert grants == []


def test_no_secret_of_a_sign_in_is_printed(tmp_path):
    with serving("examples/01_fastmcp.py", data_dir=tmp_path) as door:
        done = asyncio.run(check_with_login(door.url, OWNER))
    printed = done.output + done.errors
    assert len(done.codes) == 1
    assert done.codes[0] not in printed
    assert PASSWORD not in printed
    assert not {"dwa_", "dwr_", "dwc_"} & {printed[at : at + 4] for at in range(len(printed))}


def test_a_person_who_says_no_leaves_the_rest_unchecked(tmp_path):
    with serving("examples/01_fastmcp.py", data_dir=tmp_path) as door:
        done = asyncio.run(check_with_login(door.url, Person("owner", PASSWORD, decision="deny")))
    assert done.report["findings"] == []
    reasons = {each["rule"]: each["why"] for each in done.report["not_checked"]}
    assert reasons["TOK-07"] == "the sign-in came back with access_denied"
    assert {each["verdict"] for each in done.report["clients"].values()} == {"connects as far as sign-in"}


@pytest.mark.parametrize("way", ["variable", "stdin", "file", "header"])
def test_a_token_that_exists_opens_what_is_behind_it_and_is_not_printed(tmp_path, way):
    with serving("examples/01_fastmcp.py", data_dir=tmp_path) as door:
        token = door.header_token()
        (tmp_path / "token").write_text(f"{token}\n")
        options = {
            "variable": [],
            "stdin": ["--token", "-"],
            "file": ["--token", f"@{tmp_path / 'token'}"],
            "header": ["--header", f"Authorization: Bearer {token}"],
        }[way]
        words = [PYTHON, "-m", "doorward", "check", door.url, "--json", "--strict", *options]
        done = subprocess.run(
            words,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            input=token if way == "stdin" else "",
            env={"DOORWARD_CHECK_TOKEN": token} if way == "variable" else {},
        )
        still_good = door.command("tokens", "list")
    report = json.loads(done.stdout)
    assert report["findings"] == []
    assert done.returncode == 0
    assert token not in done.stdout + done.stderr
    assert {each["verdict"] for each in report["clients"].values()} == {"connects"}
    assert "RS-01" not in {each["rule"] for each in report["not_checked"]}
    assert "revoked_at" not in still_good[0] or still_good[0]["revoked_at"] is None


BEHIND = {rule.id for rule in rules().values() if rule.stage in {"sign_in", "access", "refresh", "repeat", "later"}}
# Their place is before the sign-in; what they are about shows behind it.
BEHIND |= {"RS-02", "TOK-01"}


@pytest.mark.parametrize(
    ("start", "host", "faults"),
    [
        # The in-memory provider forgets a refresh token the moment it is used.
        (lambda: python_server("protected_server"), "127.0.0.1", {("TOK-08", "risk")}),
        # The SDK's revocation endpoint wants a secret, of clients without one too.
        (lambda: python_server("sdk_protected_server"), "127.0.0.1", {("TOK-08", "risk"), ("RS-02", "note")}),
        # The example issues no refresh tokens, and falls over a token that it does not know.
        (lambda: typescript_v1(sign_in=True), "localhost", {("TOK-01", "broken"), ("RS-02", "broken")}),
        # The example on the second major version forgets a refresh token as it is used.
        (lambda: typescript_v2(sign_in=True), "127.0.0.1", {("TOK-08", "risk")}),
    ],
    ids=["fastmcp", "sdk", "typescript-v1", "typescript-v2"],
)
def test_the_true_faults_of_foreign_servers_past_the_sign_in_are_found_and_no_others(start, host, faults):
    with start() as program:
        url = program.url().replace("127.0.0.1", host)
        done = asyncio.run(check_with_login(url, Person("owner", "open sesame")))
    assert {each for each in done.faults if each[0] in BEHIND} == faults
    assert done.report["faults"] == []


def test_cloudflares_provider_has_no_faults_past_the_sign_in(tmp_path):
    with python_server("fastmcp_server") as upstream, cloudflare(tmp_path, upstream.url()) as program:
        done = asyncio.run(check_with_login(program.url(), Person()))
    assert not {each for each in done.faults if each[0] in BEHIND}
    assert {each["verdict"] for each in done.report["clients"].values()} <= {"connects", "stops"}
    assert done.report["faults"] == []


def test_a_baseline_is_written_once_and_tells_what_has_changed_since(tmp_path):
    place = tmp_path / "baseline.json"
    words = [PYTHON, "-m", "doorward", "check", "--json", "--baseline", str(place)]
    with serving("examples/01_fastmcp.py", data_dir=tmp_path / "data") as door:
        reports = []
        for number in range(3):
            done = subprocess.run([*words, door.url], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
            reports.append(json.loads(done.stdout))
            saved = json.loads(place.read_text())
            if number == 1:
                saved["server"]["registration_endpoint"] = "http://127.0.0.1:1/register-of-before"
                saved["kids"] = ["of-before"]
                place.write_text(json.dumps(saved))
    first, second, third = ({each["rule"] for each in report["findings"]} for report in reports)
    assert first == second == set()
    assert third == {"LIFE-01", "STO-03"}


def test_an_interrupt_at_the_link_leaves_no_client_behind(tmp_path):
    with serving("examples/01_fastmcp.py", data_dir=tmp_path) as door:
        words = [PYTHON, "-m", "doorward", "check", door.url, "--login"]
        with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr
            said = [process.stderr.readline(), process.stderr.readline()]
            before = door.command("clients", "list", "--all")
            process.send_signal(signal.SIGINT)
            code = process.wait(30)
        after = door.command("clients", "list", "--all")
    assert said[1].startswith("  http://127.0.0.1:")
    assert len(before) > len(after)
    assert {each["token_endpoint_auth_method"] for each in before} > {"none"}
    assert code == 130
    assert only_what_expires_by_itself(after)
