from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.doctor.checks.json_schema import first_misfit

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


@given(value=VALUES, schema=SCHEMAS)
def test_it_agrees_with_the_library_on_the_keywords_it_knows(value, schema):
    wanted = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert (first_misfit(value, schema) is None) == wanted, json.dumps([value, schema])
