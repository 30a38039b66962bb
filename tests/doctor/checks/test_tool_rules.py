"""What clients take of a tool, and whether a value fits a schema: pure questions with a table each."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.doctor.checks.json_schema import first_misfit
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


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ({"words": 1}, {"type": "object", "properties": {"words": {"type": "integer"}}, "required": ["words"]}),
        (1.0, {"type": "integer"}),
        ([1, None], {"type": "array", "items": {"type": ["integer", "null"]}}),
        ({"a": 1}, {"additionalProperties": False, "patternProperties": {"a": {}}}),
        ([1], {"prefixItems": [{"type": "integer"}]}),
        ({"a": {"a": {}}}, {"properties": {"a": {"$ref": "#"}}, "type": "object"}),
        (1, {"$ref": "#nowhere"}),
        (1, {"type": "of-the-future", "minimum": 5}),
    ],
)
def test_what_fits_or_cannot_be_told_is_no_misfit(value, schema):
    assert first_misfit(value, schema) is None


@pytest.mark.parametrize(
    ("value", "schema", "words"),
    [
        ({}, {"required": ["words"]}, "/words: missing"),
        ({"a": "1"}, {"properties": {"a": {"type": "integer"}}}, "/a: not of type integer"),
        (True, {"type": "number"}, "/: not of type number"),
        (1, {"const": True}, "/: not the constant"),
        ("c", {"enum": ["a", "b"]}, "/: not among the values"),
        ({"b": 1}, {"properties": {}, "additionalProperties": False}, "/b: not among the properties"),
        ([1, "x"], {"items": {"type": "integer"}}, "/1: not of type integer"),
        ("x", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "/: fits no branch of anyOf"),
        ("x", {"allOf": [True, False]}, "/: nothing is allowed"),
        ({"a": {"a": 1}}, {"properties": {"a": {"$ref": "#"}}, "type": "object"}, "/a/a: not of type object"),
    ],
)
def test_each_misfit_is_named_with_its_place(value, schema, words):
    assert str(first_misfit(value, schema)).startswith(words)


def test_a_schema_that_multiplies_is_given_up_in_time():
    schema = {"anyOf": [{"$ref": "#"}] * 8, "allOf": [{"$ref": "#"}] * 8}
    assert first_misfit(1, schema) is None


LEAVES = st.sampled_from([{"type": "string"}, {"type": "integer"}, {"enum": [1, "a", None]}, {"const": True}, {}, True])
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda a: {"type": "array", "items": a}, inner),
        st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner),
        st.builds(lambda a: {"type": "object", "properties": {"a": a}, "required": ["a"]}, inner),
        st.builds(lambda a: {"properties": {"a": a}, "additionalProperties": False}, inner),
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    st.sampled_from([1, 1.5, "a", None, True]),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("ab"), inner, max_size=2)),
    max_leaves=6,
)


@given(value=VALUES, schema=SCHEMAS)
def test_it_agrees_with_the_library_on_the_keywords_it_knows(value, schema):
    wanted = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert (first_misfit(value, schema) is None) == wanted, json.dumps([value, schema])
