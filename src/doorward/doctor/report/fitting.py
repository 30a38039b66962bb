"""Layout: wraps paragraphs, and cuts evidence to a window around the marked byte.

Works on lines that are already safe to show (`masking.py`). Implements no section of a specification.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

LINES_SHOWN = 12
ROWS_PER_LINE = 2
"""How many lines of evidence, and how much of each, are shown unless the user asks for everything."""
_CUT = "…"
_WINDOW_MIN = 24
_SPACE_SOUGHT = 20
_MARK = re.compile(r"^ *\^ ")
_LABEL = re.compile(r"^\S.*?\s{2,}(?=\S)")


def paragraph(text: str, width: int, *, first: str = "", rest: str | None = None) -> list[str]:
    """Wrap a text; `first` and `rest` start its lines."""
    follow = " " * len(first) if rest is None else rest
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=follow,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def evidence(lines: Sequence[str], width: int, *, whole: bool) -> list[str]:
    """Return lines of evidence that fit; without `whole`, long ones are cut and extra ones are counted."""
    shown: list[str] = []
    for group in _groups(lines):
        rows = _window(group, width) if len(group) > 1 else _rows(group[0], width, whole=whole)
        shown += [row.rstrip() for row in rows]
    if whole or len(shown) <= LINES_SHOWN:
        return shown
    left = len(shown) - LINES_SHOWN + 1
    return [*shown[: LINES_SHOWN - 1], f"{_CUT} {left} more lines (--verbose)"]


def _groups(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield each line alone, but two compared strings together with the mark under them."""
    at = 0
    while at < len(lines):
        together = at + 2 < len(lines) and _MARK.match(lines[at + 2])
        yield list(lines[at : at + (3 if together else 1)])
        at += 3 if together else 1


def _rows(line: str, width: int, *, whole: bool) -> list[str]:
    """Break one line at the width, even inside a word: evidence keeps its spaces."""
    spaces = 2 if line.startswith(("> ", "< ")) else len(line) - len(line.lstrip()) + 2
    indent = " " * min(spaces, width // 2)
    rows: list[str] = []
    left, begin = line, ""
    while left or not rows:
        room = width - len(begin)
        if room < len(left):
            # Prefer a space near the end. A URL has none, and breaks anywhere.
            room = left.rfind(" ", room - _SPACE_SOUGHT, room) + 1 or room
        rows.append(begin + left[:room])
        left, begin = left[room:], indent
    if whole or len(rows) <= ROWS_PER_LINE:
        return rows
    return [*rows[: ROWS_PER_LINE - 1], rows[ROWS_PER_LINE - 1][: width - 1] + _CUT]


def _window(group: list[str], width: int) -> list[str]:
    """Show the part of two differing strings around the marked byte."""
    one, two, mark = group
    if max(map(len, group)) <= width:
        return group
    label = max((found.end() for found in map(_LABEL.match, (one, two)) if found), default=0)
    room = width - label - 1
    if room < _WINDOW_MIN:
        return [row for line in (one, two) for row in _rows(line, width, whole=True)]
    at, note = mark.index("^"), mark.strip(" ^")
    start = max(label, at - room // 2)
    shown = []
    for line in (one, two):
        begin = _CUT if start > label else line[label : label + 1]
        rest = line[start + 1 :]
        shown.append(line[:label] + begin + (rest if len(rest) <= room else rest[: room - 1] + _CUT))
    place = label + at - start
    after = " " * place + f"^ {note}"
    return [*shown, after if len(after) <= width else f"{note} ^".rjust(place + 1)]
