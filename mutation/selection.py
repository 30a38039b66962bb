"""A pytest plugin that keeps the tests of one attack row (`--row ID`).

Load it with `-p mutation.selection`. A weak twin carries its row with `weak=True`, and is no test of the row.
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    group = parser.getgroup("mutation")
    group.addoption("--row", help="run the tests that carry this row, without its weak twins")


def carries(item: pytest.Item, row: str) -> bool:
    """Return whether a test carries the row, and is not its weak twin."""
    return any(mark.args == (row,) and not mark.kwargs for mark in item.iter_markers("requirement"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect every other test."""
    row = config.getoption("--row")
    if row:
        config.hook.pytest_deselected(items=[item for item in items if not carries(item, row)])
        items[:] = [item for item in items if carries(item, row)]
