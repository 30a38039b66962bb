"""Every known cause of failure has a rule: one that is found, or one that says why it cannot be seen from outside."""

from __future__ import annotations

import pytest
from flows.processes import ROOT

from doorward.doctor.engine.rules import profiles, rules
from testbed.broken import BROKEN

CLIENT_SIDE = [name for name in rules() if name.startswith("CLI-")]
INDEX = (ROOT / "docs" / "rules" / "index.md").read_text(encoding="utf-8")


def test_a_rule_is_broken_by_a_server_here_or_says_why_it_cannot_be_seen():
    assert {rule.id for rule in rules().values() if not rule.unseen} == set(BROKEN)


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
