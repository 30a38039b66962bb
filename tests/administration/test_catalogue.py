"""The command line, the API and the published document cannot drift apart: all three come from the catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import click
import msgspec
import pytest

from doorward.administration.catalogue import OPERATIONS
from doorward.administration.openapi import document
from doorward.administration.operation import CAPABILITIES
from doorward.cli.main import cli

ELSEWHERE = {"serve", "check", "explain", "db", "config", "version"}
"""Commands that are about the program or its files, and not about what the authorization server keeps."""
ROOT = "/-/api/v1"


def commands() -> set[tuple[str, ...]]:
    found = set()
    context = click.Context(cli)
    for name in cli.list_commands(context):
        group = cli.get_command(context, name)
        if name not in ELSEWHERE:
            assert isinstance(group, click.Group)
            found |= {(name, word) for word in group.list_commands(context)}
    return found


@pytest.mark.requirement("ADM-01")
def test_every_administration_command_is_an_operation_and_the_other_way_round():
    assert commands() == {words for operation in OPERATIONS for words in operation.commands}


def test_names_and_addresses_are_taken_once():
    assert len({each.name for each in OPERATIONS}) == len(OPERATIONS)
    assert len({(each.method, each.path) for each in OPERATIONS}) == len(OPERATIONS)


def test_every_capability_opens_something_and_looking_at_things_changes_nothing():
    # The last one opens no address of its own: it says how far the operations on doors go.
    assert {each.capability for each in OPERATIONS} == set(CAPABILITIES) - {"admin:programs"}
    for each in OPERATIONS:
        assert (each.method == "GET") == (each.capability in {"admin:read", "admin:audit"}), each.name


def test_what_stands_in_a_path_is_a_parameter():
    for each in OPERATIONS:
        assert set(each.in_path) <= {field.name for field in msgspec.structs.fields(each.parameters)}


LISTS = [each for each in OPERATIONS if each.path.count("/") == 1 and each.method == "GET"]


@pytest.mark.parametrize("operation", LISTS, ids=lambda each: each.name)
def test_no_list_has_a_field_for_a_secret(operation):
    described = msgspec.json.schema(operation.result)
    names = {name for each in described["$defs"].values() for name in each.get("properties", {})}
    secret = {"token", "client_secret", "password", "secret_digest", "token_digest", "password_hash", "sealed_key"}
    assert names
    assert not names & secret


@pytest.mark.requirement("ADM-01")
def test_the_document_describes_every_operation_and_nothing_else():
    paths = document(ROOT)["paths"]
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert described == {(each.method, each.path) for each in OPERATIONS}


def test_every_reference_in_the_document_leads_somewhere():
    text = json.dumps(document(ROOT))
    names = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert names == set(document(ROOT)["components"]["schemas"])


def test_the_committed_document_is_the_one_that_is_served():
    committed = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
    assert json.loads(committed.read_text(encoding="utf-8")) == json.loads(json.dumps(document(ROOT)))
