"""Output of a check report: to the terminal, as JSON, and into files that are written completely or not at all.

A path that cannot be written is reported before the examination starts, not after it.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from doorward.clock import SystemClock
from doorward.errors import Problem, StartError

if TYPE_CHECKING:
    from doorward.doctor.engine.run import Report

_STREAMS = frozenset({"/dev/stdout", "/dev/stderr"})
_WIDTH_MAX = 100
_WIDTH = 80


class Destination:
    """A file to write at the end; a part file next to it proves at the start that it can be written."""

    def __init__(self, option: str, name: str) -> None:
        """Create the part file, unless the path is not a regular file, such as /dev/stdout.

        Raises:
            UsageError: the path cannot be written.
        """
        given = Path(name)
        # /dev/stdout may be a file that other programs write to at the same time.
        is_stream = str(given) in _STREAMS or given.is_relative_to("/dev/fd")
        self._plain = not is_stream and (not given.exists() or given.is_file())
        # Replace the target of a link, not the link; write to /dev/stdout directly.
        self.path = given.resolve() if self._plain else given
        self._part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            if self.path.is_dir():
                raise IsADirectoryError(f"{name} is a folder")
            if self.path.exists() and not os.access(self.path, os.W_OK):
                raise PermissionError("it is read-only")
            if self._plain:
                self._part.open("x").close()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise click.UsageError(f"{option} cannot write to '{name}': {reason}.") from None

    def write(self, text: str) -> None:
        """Write the text completely.

        Raises:
            StartError: it was possible before, and no longer is.
        """
        try:
            if not self._plain:
                with self.path.open("a", encoding="utf-8") as stream:
                    stream.write(text)
                return
            self._part.write_text(text, encoding="utf-8")
            self._part.replace(self.path)
        except OSError as error:
            raise StartError(Problem(f"{self.path} cannot be written: {error.strerror}")) from error

    def discard(self) -> None:
        """Remove the part file."""
        with suppress(OSError):
            self._part.unlink()


@dataclass(frozen=True, slots=True)
class Output:
    """The formats of a report, and where to write them."""

    as_json: bool
    verbose: bool
    strict: bool
    html: Destination | None
    junit: Destination | None

    def show(self, report: Report) -> int:
        """Print the report and write the files; return the exit code."""
        from doorward.doctor.report import formats as reporting

        if self.as_json:
            from doorward.cli.printing import emit

            emit(reporting.as_json(report))
        else:
            for line in reporting.as_lines(report, width=width(), colour=coloured(), whole=self.verbose):
                click.echo(line)
        sys.stdout.flush()
        if self.html:
            from doorward.doctor.report.as_html import as_html

            self.html.write(as_html(report, examined_at=SystemClock().now()))
        if self.junit:
            from doorward.doctor.report.as_junit import as_junit

            self.junit.write(as_junit(report, strict=self.strict))
        return reporting.exit_code(report, strict=self.strict)

    def discard(self) -> None:
        """Remove all part files."""
        for each in (self.html, self.junit):
            if each:
                each.discard()


def destinations(html: str | None, junit: str | None) -> tuple[Destination | None, Destination | None]:
    """Check that the files can be written.

    Raises:
        UsageError: one cannot, or both are the same.
    """
    if html and junit and Path(html).resolve() == Path(junit).resolve():
        raise click.UsageError("--html and --junit name the same file.")
    first = Destination("--html", html) if html else None
    try:
        return first, Destination("--junit", junit) if junit else None
    except click.UsageError:
        if first:
            first.discard()
        raise


def width() -> int:
    """Return the line width: the terminal's, up to a readable maximum."""
    return min(shutil.get_terminal_size((_WIDTH, 24)).columns, _WIDTH_MAX) if sys.stdout.isatty() else _WIDTH


def coloured() -> bool:
    """Return whether to use colours: on a terminal that supports them, unless NO_COLOR is set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Progress:
    """Shows the current stage on a terminal; elsewhere does nothing."""

    def __init__(self) -> None:
        self._count = 0
        self._shown = sys.stderr.isatty()

    def __call__(self, stage: str) -> None:
        """Show that a stage starts."""
        from doorward.doctor.engine.run import STAGES

        self._count += 1
        if self._shown:
            line = f"  [{self._count}/{len(STAGES)}] {stage}"
            click.echo(click.style(line, dim=True) if coloured() else line, err=True)
