"""The file of `doorward check --baseline`: written by the first run, compared with by each later one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import click

from doorward.cli.check_output import Destination

if TYPE_CHECKING:
    from doorward.doctor.engine.check import Picture

_LIMIT_BYTES = 4 * 1024 * 1024


class Memory:
    """What one run takes from the file, and leaves in it."""

    def __init__(self, name: str | None, picture: Picture) -> None:
        """Read the file into the picture.

        Raises:
            UsageError: it cannot be read or written, or is of another make.
        """
        self._destination: Destination | None = None
        if name is None:
            return
        from doorward.doctor.report import baseline

        try:
            with Path(name).open("rb") as file:
                picture.baseline = baseline.read(file.read(_LIMIT_BYTES), picture.url)
        except FileNotFoundError:
            self._destination = Destination("--baseline", name)
            picture.baseline = {}  # nothing to compare with, and yet all of it is looked at: the next run wants it
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise click.UsageError(f"--baseline cannot read '{name}': {reason}.") from None
        except baseline.NotABaseline as error:
            raise click.UsageError(f"--baseline cannot use '{name}'. {error}") from None

    def save(self, picture: Picture) -> None:
        """Write what this run saw, where no earlier one has; a server that was not reached leaves nothing to keep."""
        if self._destination is None or not picture.remembered:
            return
        from doorward.doctor.report import baseline

        self._destination.write(baseline.as_text(picture.url, picture.remembered))
        self._destination = None

    def __enter__(self) -> Self:
        """Keep the place in which the file will be."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of a file that was not written."""
        if self._destination is not None:
            self._destination.discard()
