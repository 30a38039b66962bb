"""Which scopes an operation needs, as tables."""

from __future__ import annotations

import pytest

from doorward.oauth.errors import BearerError
from doorward.oauth.operation_scopes import OperationScopes, further_scopes

TOOLS = {"delete_*": ("files:write",), "delete_all": ("danger",), "read": ("files:read",)}
METHODS = {"resources/read": ("files:read",), "prompts/*": ("prompts",)}
RULES = OperationScopes(("mcp",), tools=TOOLS, methods=METHODS)


@pytest.mark.parametrize(
    ("method", "params", "needed"),
    [
        ("tools/list", {}, ("mcp",)),
        (None, {}, ("mcp",)),
        ("tools/call", {"name": "free"}, ("mcp",)),
        ("tools/call", {"name": "read"}, ("mcp", "files:read")),
        ("tools/call", {"name": "delete_one"}, ("mcp", "files:write")),
        ("tools/call", {"name": "delete_all"}, ("mcp", "danger", "files:write")),
        ("tools/call", {"name": "Delete_one"}, ("mcp",)),
        ("tools/call", {"name": "x\ndelete_one"}, ("mcp",)),
        ("tools/list", {"name": "delete_one"}, ("mcp",)),
        ("resources/read", {"uri": "file:///x"}, ("mcp", "files:read")),
        ("prompts/get", {"name": "read"}, ("mcp", "prompts")),
        ("resources/list", {}, ("mcp",)),
    ],
)
@pytest.mark.requirement("R4")
@pytest.mark.requirement("U-05")
def test_an_operation_needs_the_scopes_of_the_door_and_its_own(method, params, needed):
    assert RULES.required(method, params) == needed


@pytest.mark.parametrize(
    "params",
    [{}, {"name": None}, {"name": ["read"]}, {"name": "free", "Name": "delete_all"}, {"name": "free", "NAME": 1}],
)
@pytest.mark.requirement("U-05")
def test_a_tool_that_cannot_be_told_needs_the_scopes_of_all_tools(params):
    assert set(RULES.required("tools/call", params)) == {"mcp", "files:write", "danger", "files:read"}


def test_all_scopes_are_named_at_once_and_not_only_the_missing_ones():
    with pytest.raises(BearerError) as refused:
        RULES.check(("mcp", "files:write"), "tools/call", {"name": "delete_all"})
    assert refused.value.status == 403
    assert refused.value.error == "insufficient_scope"
    assert refused.value.scopes == ("mcp", "danger", "files:write")
    RULES.check(("danger", "files:write", "mcp"), "tools/call", {"name": "delete_all"})


def test_a_broader_scope_stands_for_narrower_ones_directly_and_through_others():
    implies = {"admin": ("files:write",), "files:write": ("files:read", "mcp"), "a": ("b",), "b": ("a",)}
    rules = OperationScopes(("mcp",), tools=TOOLS, methods={}, implies=implies)
    rules.check(("admin",), "tools/call", {"name": "read"})
    rules.check(("files:write",), "tools/list", {})
    assert set(rules.expanded(("a",))) == {"a", "b"}
    with pytest.raises(BearerError):
        rules.check(("files:read", "mcp"), "tools/call", {"name": "delete_one"})


def test_without_tables_there_is_nothing_to_decide():
    assert OperationScopes(("mcp",), tools={}, methods={}).is_plain
    assert not RULES.is_plain
    assert not OperationScopes(("mcp",), tools={}, methods={}, implies={"a": ("mcp",)}).is_plain


def test_only_methods_may_have_scopes_of_their_own():
    rules = OperationScopes(("mcp",), tools={}, methods={"tools/call": ("call",)})
    assert rules.required("tools/call", {"name": "any"}) == ("mcp", "call")


def test_scopes_that_the_door_has_already_are_not_listed_twice():
    assert further_scopes(("mcp",), TOOLS, METHODS, {"x": ("mcp",)}) == (
        "files:write",
        "danger",
        "files:read",
        "prompts",
    )
