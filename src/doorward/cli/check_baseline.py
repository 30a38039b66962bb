"""The file of `doorward check --baseline`: the first run writes it, and later runs compare with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import click

from doorward.cli.check_output import Destination

if TYPE_CHECKING:
    from doorward.doctor.engine.check import Picture

_LIMIT_BYTES = 4 * 1024 * 1024


class Memory:
    """What a run reads from the file, and what it writes."""

    def __init__(self, name: str | None, picture: Picture) -> None:
        """Read the file into the picture.

        Raises:
            UsageError: it cannot be read or written, or has another format.
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
        """Write what this run saw, unless an earlier run did; a server that was not reached leaves nothing to write."""
        if self._destination is None or not picture.remembered:
            return
        from doorward.doctor.report import baseline

        self._destination.write(baseline.as_text(picture.url, picture.remembered))
        self._destination = None

    def __enter__(self) -> Self:
        """Reserve the file's place."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release the place if the file was not written."""
        if self._destination is not None:
            self._destination.discard()
