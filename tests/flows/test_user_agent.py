from __future__ import annotations

import json

import pytest
from flows import node
from flows.user_agent import Form, Person, fill, first_form

SIGN_IN = """
<form method="get" action="/search"><input name="q"></form>
<form method="POST" action="/-/login?x=1&amp;y=2">
  <input type="hidden" name="csrf" value="a&quot;b">
  <input name="username" autocomplete="username">
  <input type=password name=password>
  <input type="checkbox" name="remember" value="1">
  <button type="submit">Sign in</button>
</form>
"""
CONSENT = """
<form method="post" action="/-/consent"><input type="hidden" name="step" value="7">
<button name="decision" value="deny">No</button><button name="decision" value="approve">Yes</button></form>
"""


def form(html: str) -> Form:
    found = first_form(html)
    assert found is not None
    return found


def test_the_form_that_is_posted_is_filled_and_hidden_fields_are_kept():
    found = form(SIGN_IN)
    assert found.action == "/-/login?x=1&y=2"
    assert fill(found, Person("ann", "pw")) == {"csrf": 'a"b', "username": "ann", "password": "pw"}


@pytest.mark.parametrize("decision", ["approve", "deny"])
def test_the_button_of_the_decision_is_pressed(decision: str):
    assert fill(form(CONSENT), Person(decision=decision)) == {"step": "7", "decision": decision}


def test_a_page_without_a_posted_form_stops_the_walk():
    assert first_form("<form action=/x><input name=q></form><p>Done</p>") is None


def test_the_npm_lock_names_no_host_and_pins_exact_versions():
    assert "://" not in node.LOCK.read_text()
    wanted = json.loads((node.FOLDER / "package.json").read_text())["dependencies"]
    locked = json.loads(node.LOCK.read_text())["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
