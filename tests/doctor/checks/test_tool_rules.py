"""What clients accept of a tool."""

from __future__ import annotations

import re

import pytest

from doorward.doctor.checks.tool_rules import pointer_to_fault, resolved, tool_rules
from doorward.doctor.engine.rules import profiles

PLAIN = {"type": "object", "properties": {"text": {"type": "string"}}}


def faults(tool):
    return {rule.check: at for rule in tool_rules().schemas if (at := pointer_to_fault(rule, tool)) is not None}


def of(**schema):
    return {"name": "t", "inputSchema": PLAIN | schema}


@pytest.mark.parametrize(
    "tool",
    [
        of(),
        of(properties={}),
        of(properties={"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}),
        of(properties={"a": {"$ref": "#/$defs/a~1b"}}, **{"$defs": {"a/b": {}}}),
        of(properties={"a": {"$ref": "#anchor"}}),
        of(properties={"a": {"$ref": "https://x/y#/z"}}, **{"$defs": {"y": {"$id": "https://x/y"}}}),
        of(properties={"a": {"properties": {"$ref": {"type": "string"}}}}),
        of(default={"$ref": "nowhere"}),
        of(properties={"a": {"$ref": "#/anyList/0"}}, anyList=[{}]),
        of() | {"outputSchema": PLAIN},
    ],
)
def test_a_tool_that_every_client_takes_has_no_faults(tool):
    assert faults(tool) == {}


@pytest.mark.parametrize(
    ("tool", "check", "pointer"),
    [
        ({"name": "t"}, "input_is_no_object", "/inputSchema"),
        ({"name": "t", "inputSchema": {}}, "input_is_no_object", "/inputSchema/type"),
        (of(type=["object"]), "input_is_no_object", "/inputSchema/type"),
        (of(properties=[]), "properties_are_no_object", "/inputSchema/properties"),
        (of(anyOf=[{}]), "root_is_union", "/inputSchema/anyOf"),
        (of(properties={"a b": {}}), "property_name_is_refused", "/inputSchema/properties/a b"),
        (of(properties={"a": {"$ref": "#/$defs/none"}}), "reference_leads_nowhere", "/inputSchema/properties/a/$ref"),
        (of(properties={"a": {"$ref": "https://x/y"}}), "reference_leads_nowhere", "/inputSchema/properties/a/$ref"),
        (of(properties={"a": {"$ref": 1}}), "reference_leads_nowhere", "/inputSchema/properties/a/$ref"),
        (of(allowed=[{"$ref": "#/properties/0"}]), "reference_leads_nowhere", "/inputSchema/allowed/0/$ref"),
        (of() | {"outputSchema": {"type": "array"}}, "output_is_no_object", "/outputSchema/type"),
        (of() | {"outputSchema": True}, "output_is_no_object", "/outputSchema"),
    ],
)
def test_each_fault_of_a_schema_is_found_at_its_place(tool, check, pointer):
    assert faults(tool) == {check: pointer}


def test_the_data_names_known_clients_and_good_patterns():
    rules = tool_rules()
    for rule in (*rules.names, *rules.schemas, *rules.counts):
        assert set(rule.clients) <= set(profiles())
    assert all(re.compile(rule.pattern) for rule in rules.names)
    assert {rule.prefix_chars for rule in rules.names} == {30}


def test_a_pointer_that_is_none_leads_nowhere():
    assert resolved({"a": {}}, "a") is None
    assert resolved({"a": 1}, "#/a") is None
    assert resolved({"a": True}, "#/a") is True
    assert resolved(True, "#") is True
