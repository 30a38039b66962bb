"""Every known cause of failure has a rule: one that is found, or one that says why it cannot be seen from outside."""

from __future__ import annotations

import pytest
from flows.processes import ROOT

from doorward.doctor.engine.rules import profiles, rules
from testbed.broken import BROKEN

CAUSES = """
DSC-01 DSC-02 NET-01 DSC-03 REG-01 REG-02 AUT-01 TRN-01 DSC-04 REG-03 TOK-01 TOK-02 SES-01 AUT-02 SES-02 DSC-05 DSC-06
NET-02 TOOL-01 AUT-03 TOK-03 AUT-04 RS-01 RS-02 DSC-07 AUT-05 VER-01 VER-02 VER-03 TRN-02 TRN-03 TRN-04 TRN-05 NET-03
STR-01 CORS-01 CORS-02 NET-04 NET-05 PERF-01 NET-06 AUT-06 TOK-04 TOK-05 REG-04 REG-05 DSC-08 CIM-01 CIM-02 TLS-01
TLS-02 TOOL-02 TOOL-03 TOOL-04 TOOL-05 RS-03 RS-04 TIME-01 STO-01 STO-02 STO-03 RS-05 RS-06 RS-07 AUT-07 AUT-08 AUT-09
AUT-10 TOK-06 TOK-07 TOK-08 TOK-09 TRN-06 TRN-07 TRN-08 TRN-09 TRN-10 VER-04 VER-05 VER-06 NET-07 NET-08 NET-09 STR-02
STR-03 STR-04 SES-03 SES-04 DSC-09 DSC-10 DSC-11 DSC-12 SCALE-01 LIFE-01 LIFE-02 LIFE-03 GW-01 GW-02
"""
SERVER_SIDE = CAUSES.split()
CLIENT_SIDE = [f"CLI-{number:02}" for number in range(1, 11)]
INDEX = (ROOT / "docs" / "rules" / "index.md").read_text(encoding="utf-8")


def test_the_list_of_causes_is_whole():
    assert len(set(SERVER_SIDE)) == 98
    assert len(CLIENT_SIDE) == 10


def test_every_cause_has_a_rule_and_every_rule_a_cause():
    assert set(rules()) == {*SERVER_SIDE, *CLIENT_SIDE}


def test_a_rule_that_cannot_be_seen_is_not_faked():
    assert not {rule.id for rule in rules().values() if rule.unseen} & set(BROKEN)


@pytest.mark.parametrize("name", CLIENT_SIDE)
def test_a_fault_of_a_client_says_so_and_what_helps(name):
    rule = rules()[name]
    assert bool(rule.unseen) == (name != "CLI-08")
    page = rule.page()
    assert "A fault of the client:" in page
    assert all(profiles()[client].title in page for client in rule.clients)


@pytest.mark.parametrize("name", rules())
def test_every_rule_is_in_the_table_with_a_server_or_a_reason(name):
    (row,) = [line for line in INDEX.splitlines() if line.startswith(f"| [{name}]")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 7
    if rules()[name].unseen:
        assert cells[5].startswith("not seen from outside")
    else:
        assert cells[5] == " ".join(BROKEN[name].change.split())
        assert cells[6] == f"`-k '{name}'`"
