from __future__ import annotations

import pytest

from doorward.mcp.annotations import annotation_faults


def one(**schema: object) -> dict[str, object]:
    return {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region", **schema}}}


NESTED = {"type": "object", "properties": {"a": one()}}


@pytest.mark.parametrize("schema", [None, [], {}, one(), one(type="integer"), one(type="boolean"), NESTED])
def test_a_good_annotation_is_on_a_primitive_property(schema):
    assert annotation_faults(schema) == ()


def test_what_stands_in_data_is_no_annotation():
    assert annotation_faults({"type": "object", "default": {"x-mcp-header": ""}, "properties": []}) == ()


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"x-mcp-header": "A"}, "/: it is not on a property"),
        (
            {"properties": {"a": {"items": {"type": "string", "x-mcp-header": "A"}}}},
            "/properties/a/items: it is not on",
        ),
        ({"anyOf": [{}, one()]}, "/anyOf/1/properties/region: it is not on"),
        ({"$defs": {"x": one()}}, "/$defs/x/properties/region: it is not on"),
        (one(**{"x-mcp-header": ""}), "/properties/region: its value is not"),
        (one(**{"x-mcp-header": "a b"}), "/properties/region: its value is not"),
        (one(**{"x-mcp-header": 1}), "/properties/region: its value is not"),
        (one(type="number"), "/properties/region: the property is not"),
        (one(type=["string", "null"]), "/properties/region: the property is not"),
    ],
)
def test_each_bad_annotation_is_named_with_its_place(schema, fault):
    (found,) = annotation_faults(schema)
    assert found.startswith(fault)


def test_two_properties_may_not_share_a_name_whatever_its_case():
    schema = {
        "properties": {
            "a": {"type": "string", "x-mcp-header": "Region"},
            "b": {"type": "string", "x-mcp-header": "REGION"},
        }
    }
    (found,) = annotation_faults(schema)
    assert found.endswith("has the same name")


def test_a_deep_schema_ends_nothing():
    schema: dict[str, object] = one()
    for _ in range(5000):
        schema = {"items": schema}
    (found,) = annotation_faults(schema)
    assert "it is not on a property" in found
