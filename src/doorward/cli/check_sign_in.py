"""Gets `doorward check` past the sign-in: with a person and a browser, or with an existing token.

A token is read from where other users of the machine can't see it; on the command line they can, and the help says so.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from doorward.doctor.engine.check import Picture
    from doorward.doctor.engine.requests import SignIn
    from doorward.doctor.engine.run import Person

TOKEN_VARIABLE = "DOORWARD_CHECK_TOKEN"
_LIMIT_BYTES = 64 * 1024


def token_from(given: str | None) -> str:
    """Return the access token that `--token` or its variable names.

    Raises:
        UsageError: it can't be read there, or a header can't carry it.
    """
    if given is None:
        return ""
    try:
        if given == "-":
            token = sys.stdin.read(_LIMIT_BYTES)
        elif given.startswith("@"):
            with Path(given[1:]).open(encoding="utf-8") as file:
                token = file.read(_LIMIT_BYTES)
        else:
            token = given
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise click.UsageError(f"--token cannot read '{given}': {reason.lower()}.") from None
    return bearer(token)


def bearer(token: str) -> str:
    """Return a token without the text that people paste with it.

    Raises:
        UsageError: a header can't carry it; the message does not repeat it.
    """
    words = token.split()
    if words and words[0].lower() == "bearer":
        words = words[1:]
    if len(words) != 1 or not words[0].isascii() or not words[0].isprintable():
        raise click.UsageError("The token must be one word of printable characters.")
    return words[0]


@asynccontextmanager
async def somebody(picture: Picture) -> AsyncIterator[Person | None]:
    """Wait for a person to sign in while the block runs; None if the user asked for none."""
    if not picture.may_sign_in:
        yield None
        return
    from doorward.doctor.network.callback import listening

    async with listening(_tell, _open_page if sys.stderr.isatty() else None) as callback:
        picture.callback = callback.url
        yield callback.sign_in


def _tell(ask: SignIn) -> None:
    if ask.meanwhile:
        click.echo("Once more, as with two tabs: open the first link, then the second; sign in at the FIRST.", err=True)
        click.echo(f"  {ask.url}\n  {ask.meanwhile}", err=True)
        return
    click.echo("Sign in with a browser on this machine, within 5 minutes:", err=True)
    click.echo(f"  {ask.url}", err=True)
    port = ask.redirect_uri.rpartition(":")[2].partition("/")[0]
    click.echo(f"With a browser on another machine, first run there: ssh -L {port}:127.0.0.1:{port} HOST", err=True)


async def _open_page(url: str) -> None:
    """Open a graphical browser; one in this terminal would hide the report."""
    import webbrowser

    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    if type(browser) is not webbrowser.GenericBrowser:
        await asyncio.to_thread(browser.open, url)
