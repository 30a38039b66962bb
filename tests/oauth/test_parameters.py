import pytest

from doorward.oauth.errors import InvalidRequest, InvalidScope, Reason
from doorward.oauth.parameters import BODY_LIMIT_BYTES, parse_form, parse_query, parse_scope


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (b"", {}),
        (b"&&", {}),
        (b"a=1&b=2", {"a": "1", "b": "2"}),
        (b"a=1&", {"a": "1"}),
        (b"a=&b", {}),
        (b"a=x+y%20z", {"a": "x y z"}),
        (b"a=1=2", {"a": "1=2"}),
        (b"na%6de=v", {"name": "v"}),
        (b"a=%C3%A9", {"a": "é"}),
        ("a=é".encode(), {"a": "é"}),
        (b"A=1&a=2", {"A": "1", "a": "2"}),
    ],
)
def test_a_form_is_read_one_way(body, values):
    assert parse_form(body) == values
    assert parse_query(body) == values


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"a=%", Reason.MALFORMED_REQUEST),
        (b"a=%4", Reason.MALFORMED_REQUEST),
        (b"a=%zz", Reason.MALFORMED_REQUEST),
        (b"%g0=1", Reason.MALFORMED_REQUEST),
        (b"a=%FF", Reason.MALFORMED_REQUEST),
        (b"a=\xff", Reason.MALFORMED_REQUEST),
        (b"a=%ED%A0%80", Reason.MALFORMED_REQUEST),
        (b"a=%00", Reason.MALFORMED_REQUEST),
        (b"a=\x00", Reason.MALFORMED_REQUEST),
        (b"a=x%0d%0ay", Reason.MALFORMED_REQUEST),
        (b"a%7f=1", Reason.MALFORMED_REQUEST),
        (b"a=" + b"x" * BODY_LIMIT_BYTES, Reason.TOO_LARGE),
    ],
)
@pytest.mark.requirement("T-10")
def test_a_body_with_two_readings_is_refused(body, reason):
    for parse in (parse_form, parse_query):
        with pytest.raises(InvalidRequest) as refused:
            parse(body)
        assert refused.value.reason is reason


@pytest.mark.requirement("A-10")
@pytest.mark.parametrize("body", [b"a=1&a=1", b"a=1&b=2&a=2", b"a=&a=1", b"a=1&%61=2", b"a&a"])
def test_a_repeated_parameter_is_never_resolved_by_position(body):
    with pytest.raises(InvalidRequest) as refused:
        parse_form(body)
    assert refused.value.reason is Reason.REPEATED_PARAMETER
    query = parse_query(body)
    assert query.repeated == {"a"}
    assert "a" not in query


def test_a_body_of_exactly_the_limit_is_read():
    assert parse_form(b"a=" + b"x" * (BODY_LIMIT_BYTES - 2))["a"].startswith("xx")


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        (None, ()),
        ("", ()),
        ("  ", ()),
        ("a", ("a",)),
        ("b a", ("b", "a")),
        ("a  b a ", ("a", "b")),
        ("mcp:tools/read https://x/y", ("mcp:tools/read", "https://x/y")),
    ],
)
def test_a_scope_is_split_at_spaces(scope, scopes):
    assert parse_scope(scope) == scopes


@pytest.mark.parametrize("scope", ['a"b', "a\\b", "a\tb", "a\nb", "é", "a\u00a0b", " ".join(map(str, range(101)))])
@pytest.mark.requirement("U-09")
def test_a_scope_outside_the_grammar_is_refused(scope):
    with pytest.raises(InvalidScope) as refused:
        parse_scope(scope)
    assert refused.value.reason is Reason.MALFORMED_SCOPE
