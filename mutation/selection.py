"""A pytest plugin that keeps the tests of one attack row (`--row ID`), or of a list of node ids (`--only FILE`).

Load it with `-p mutation.selection`. A weak twin carries its row with `weak=True`, and is no test of the row.
"""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the two options."""
    group = parser.getgroup("mutation")
    group.addoption("--row", help="run the tests that carry this row, without its weak twins")
    group.addoption("--only", type=Path, help="run the tests that this file names, one node id a line, in its order")


def carries(item: pytest.Item, row: str) -> bool:
    """Return whether a test carries the row, and is not its weak twin."""
    return any(mark.args == (row,) and not mark.kwargs for mark in item.iter_markers("requirement"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect every other test."""
    row, only = config.getoption("--row"), config.getoption("--only")
    if row:
        kept = [item for item in items if carries(item, row)]
    elif only:
        place = {name: index for index, name in enumerate(only.read_text(encoding="utf-8").splitlines())}
        kept = sorted((item for item in items if item.nodeid in place), key=lambda item: place[item.nodeid])
    else:
        return
    dropped = {id(item) for item in items} - {id(item) for item in kept}
    config.hook.pytest_deselected(items=[item for item in items if id(item) in dropped])
    items[:] = kept
