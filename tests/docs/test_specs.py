"""The page of specifications: every citation of the code is on it, and a mistyped one is noticed."""

from __future__ import annotations

import pytest
import specs


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return a function that makes the text the only module there is."""
    monkeypatch.setattr(specs, "SOURCE", tmp_path)
    return (tmp_path / "one.py").write_text


def test_each_citation_of_a_docstring_is_on_the_page(module):
    module(
        '"""One.\n\nImplements RFC 6749 s3.1, s3.2 and appendix, RFC 9207 s2.\n"""\n'
        'def two():\n    """Two.\n\n    Spec: RFC 7636 s4.6; MCP 2026-07-28 basic (why)\n    """\n'
    )
    found = specs.citations()
    assert found == {
        "6749": {"s3.1": {"one.py"}, "s3.2": {"one.py"}},
        "9207": {"s2": {"one.py"}},
        "7636": {"s4.6": {"one.py"}},
        "MCP 2026-07-28 basic": {"": {"one.py"}},
    }
    page = specs.page()
    assert "## RFC 7636: Proof Key for Code Exchange\n\n- s4.6: `one.py`" in page


def test_a_document_that_nobody_knows_is_an_error(module):
    module('"""One.\n\nSpec: RFC 99999 s1\n"""\n')
    with pytest.raises(KeyError):
        specs.page()


def test_the_code_cites_enough_for_the_page_to_mean_something():
    assert len(specs.citations()) > 50
