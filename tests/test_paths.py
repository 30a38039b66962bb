"""What belongs to the server and not to a door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from doorward import paths

SOURCE = Path(paths.__file__).parent
TAKE_APART = {"urlsplit", "urlparse", "partition", "rpartition", "split", "rsplit", "removeprefix"}


@pytest.mark.parametrize(
    ("path", "segment"), [("/mcp", "mcp"), ("/a/b/c", "a"), ("/-/login", "-"), ("/", ""), ("/mcp/", "mcp")]
)
def test_the_first_segment_stands_between_two_slashes(path, segment):
    assert paths.first_segment(path) == segment


def test_every_path_is_below_a_reserved_segment():
    named = {name: value for name, value in vars(paths).items() if name.isupper() and name != "RESERVED_FIRST_SEGMENTS"}
    found = [each for value in named.values() for each in ([value] if isinstance(value, str) else value)]
    assert len(found) > 20
    assert {paths.first_segment(path) for path in found} == paths.RESERVED_FIRST_SEGMENTS


@pytest.mark.parametrize(
    ("issuer", "origin", "host", "path"),
    [
        ("https://host.example", "https://host.example", "host.example", ""),
        ("https://host.example/team", "https://host.example", "host.example", "/team"),
        ("http://127.0.0.1:8000/a/b", "http://127.0.0.1:8000", "127.0.0.1:8000", "/a/b"),
        ("http://[::1]:8000", "http://[::1]:8000", "[::1]:8000", ""),
    ],
)
def test_an_issuer_has_an_origin_a_host_and_a_path(issuer, origin, host, path):
    assert (paths.origin_of(issuer), paths.host_of(issuer), paths.path_of(issuer)) == (origin, host, path)
    assert paths.url_of(issuer, "/mcp") == f"{origin}{path}/mcp"
    assert paths.local_path(path, f"{path}/mcp") == "/mcp"


@pytest.mark.parametrize(
    ("base", "path", "is_below"),
    [
        ("/a", "/a", True),
        ("/a", "/a/", True),
        ("/a", "/a/b", True),
        ("/a", "/ab", False),
        ("/a", "/", False),
        ("/a/b", "/a", False),
        ("", "/", True),
        ("", "/a", True),
    ],
)
def test_a_path_is_below_another_one_by_whole_segments(base, path, is_below):
    assert paths.is_below(base, path) is is_below


def is_issuer(node: ast.expr) -> bool:
    """Tell whether an expression is named as our issuer is; that of somebody else is `issuer.issuer`."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "issuer_of"
    text = ast.unparse(node)
    return (text == "issuer" or text.endswith((".issuer", "_issuer"))) and not text.endswith("issuer.issuer")


def makes_addresses(tree: ast.AST) -> Iterator[str]:
    """Yield the places that join the issuer with a path, or take it apart."""
    for node in ast.walk(tree):
        match node:
            case ast.BinOp(left=left, op=ast.Add()) if is_issuer(left):
                yield ast.unparse(node)
            case ast.JoinedStr(values=[*parts]):
                for part, after in pairwise(parts):
                    joins = not isinstance(after, ast.Constant) or str(after.value).startswith("/")
                    if isinstance(part, ast.FormattedValue) and is_issuer(part.value) and joins:
                        yield ast.unparse(node)
            case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in TAKE_APART and is_issuer(value):
                yield ast.unparse(node)
            case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in TAKE_APART and is_issuer(first):
                yield ast.unparse(node)
            case ast.Attribute(value=ast.Call(func=ast.Name(id="parse_http"), args=[first, *_]), attr=part):
                if is_issuer(first) and part in {"origin", "path"}:
                    yield ast.unparse(node)


def test_an_address_is_made_of_the_issuer_in_one_place_only():
    """The doctor is left out: it examines the issuers of strangers."""
    modules = [each for each in SOURCE.rglob("*.py") if each.name != "paths.py" and "doctor" not in each.parts]
    assert len(modules) > 250
    found = {
        str(each.relative_to(SOURCE)): places
        for each in modules
        if (places := list(makes_addresses(ast.parse(each.read_text()))))
    }
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "policy.issuer + '/token'",
        "f'{self.policy.issuer}/token'",
        "f'{authority.policy.issuer}{page}'",
        "issuer_of(config) + path",
        "urlsplit(policy.issuer).netloc",
        "self._issuer.partition('://')",
        "issuer.split('/')",
        "parse_http(issuer).path",
        "parse_http(policy.issuer).origin",
    ],
)
def test_a_second_place_would_be_found(line):
    assert list(makes_addresses(ast.parse(line)))
