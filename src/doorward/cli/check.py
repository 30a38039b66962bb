"""`doorward check URL`: what stops each client, and the fix."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from doorward.cli.check_sign_in import TOKEN_VARIABLE, bearer, somebody, token_from
from doorward.cli.groups import HELP_OPTIONS

if TYPE_CHECKING:
    from doorward.doctor.engine.check import Picture
    from doorward.doctor.engine.rules import Profile
    from doorward.doctor.engine.run import Report

_TOTAL_SHARES, _BEHIND_SHARES, _REPEATED_SHARES = 6, 6, 24
"""The whole examination may take this many times the limit of one request; longer with a sign-in or --repeat."""


@click.command(context_settings=HELP_OPTIONS)
@click.argument("url")
@click.option(
    "--as", "client", metavar="CLIENT", help="Examine as one client only: claude, chatgpt, cursor, vscode, ..."
)
@click.option("--header", "headers", multiple=True, metavar="'N: V'", help="Send this to the MCP endpoint; repeatable.")
@click.option("--login", is_flag=True, help="Sign in with a browser, and examine everything after sign-in.")
@click.option(
    "--token",
    metavar="TOKEN",
    envvar=TOKEN_VARIABLE,
    help="Examine everything after sign-in with this access token: @FILE, - for standard input, or the token "
    "itself, which other users of the machine can see. [env: DOORWARD_CHECK_TOKEN]",
)
@click.option(
    "--repeat",
    type=click.IntRange(0, 50),
    default=0,
    metavar="N",
    help="Repeat N times what fails intermittently, over new connections and with pauses; takes minutes.",
)
@click.option("--baseline", metavar="FILE", help="Compare with what an earlier run saw; the first run writes the file.")
@click.option("--no-register", is_flag=True, help="Register no throw-away clients; skip what needs them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", metavar="FILE", help="Write the report as a page, too.")
@click.option("--junit", metavar="FILE", help="Write the outcome of every rule as JUnit XML, too.")
@click.option("--verbose", "-v", is_flag=True, help="Print all evidence, and list every skipped rule.")
@click.option("--strict", is_flag=True, help="Exit with 1 for risks and minor findings too.")
@click.option(
    "--timeout", type=click.FloatRange(0.1, 300), default=10.0, show_default=True, help="Seconds for one request."
)
@click.option("--allow-private", is_flag=True, help="Allow addresses that are not public, wherever they come from.")
@click.option(
    "--resolver",
    "resolvers",
    multiple=True,
    metavar="ADDRESS",
    callback=lambda _context, _option, given: _resolvers(given),
    help="Also ask this DNS resolver, such as 1.1.1.1: yours may know internal names; repeatable.",
)
def command(
    *,
    url: str,
    client: str | None,
    headers: Sequence[str],
    login: bool,
    token: str | None,
    repeat: int,
    baseline: str | None,
    no_register: bool,
    as_json: bool,
    html: str | None,
    junit: str | None,
    verbose: bool,
    strict: bool,
    timeout: float,
    allow_private: bool,
    resolvers: tuple[str, ...],
) -> int:
    """Examine an MCP server as its clients would, and name what stops them.

    If the server allows registration, one throw-away client is registered for each profile. They are named as such, and
    deleted if the server allows it. Everything after sign-in needs --login or --token.
    """
    from doorward.cli.check_baseline import Memory
    from doorward.cli.check_output import Output, destinations
    from doorward.doctor.engine.check import Picture

    sent, in_header = _headers(headers)
    picture = Picture(
        url=_checked(url),
        clients=_chosen(client),
        headers=sent,
        may_register=not no_register,
        may_sign_in=login,
        token=token_from(token) or in_header,
        repeat=repeat,
        resolvers=resolvers,
    )
    if login and (picture.token or no_register):
        raise click.UsageError("--login signs in with a client of its own: leave out --token and --no-register.")
    output = Output(as_json, verbose, strict, *destinations(html, junit))
    try:
        with Memory(baseline, picture) as memory:
            report = asyncio.run(_examine(picture, seconds=timeout, allow_private=allow_private))
            memory.save(picture)
        return output.show(report)
    finally:
        output.discard()


async def _examine(picture: Picture, *, seconds: float, allow_private: bool) -> Report:
    from doorward.cli.check_output import Progress
    from doorward.doctor.engine.run import examine
    from doorward.doctor.network.sending import Network
    from doorward.doctor.network.target import look_up_target

    picture.timeout_seconds = seconds
    target = await look_up_target(picture.url)
    picture.address = target.reach
    network = Network(
        allow_private=allow_private,
        allow_metadata=allow_private,
        target=target,
        timeout_seconds=seconds,
    )
    shares = _TOTAL_SHARES + (_BEHIND_SHARES if picture.may_sign_in or picture.token else 0)
    shares += _REPEATED_SHARES if picture.repeat else 0
    try:
        async with somebody(picture) as person:
            return await examine(picture, network.send, sign_in=person, progress=Progress(), seconds=shares * seconds)
    finally:
        await network.close()


def _resolvers(given: Sequence[str]) -> tuple[str, ...]:
    from ipaddress import ip_address

    for each in given:
        try:
            ip_address(each.partition("#")[0])
        except ValueError:
            raise click.UsageError(f"--resolver wants an IP address, not '{each}'.") from None
    return tuple(given)


def _checked(url: str) -> str:
    from doorward.oauth.uris import InvalidUri, parse_http

    try:
        parse_http(url)
    except InvalidUri as error:
        raise click.UsageError(f"'{url}' is not a URL that can be asked. {error}") from None
    return url


def _chosen(client: str | None) -> dict[str, Profile]:
    from doorward.config.faults import suggestion
    from doorward.doctor.engine.rules import profiles

    known = profiles()
    if client is None:
        return known
    if client not in known:
        meant = suggestion(client, list(known))
        hint = f"Did you mean '{meant}'?" if meant else f"There are: {', '.join(known)}."
        raise click.UsageError(f"There is no client '{client}'. {hint}")
    return {client: known[client]}


def _headers(given: Sequence[str]) -> tuple[dict[str, str], str]:
    """Return the headers of every request, and the token, which is sent only when a client would have one."""
    headers, token = {}, ""
    for line in given:
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or not line.isprintable():
            raise click.UsageError(f"--header wants 'Name: value', not '{line.partition(' ')[0]}'.")
        if name.strip().lower() == "authorization":
            if value.split()[:1] not in (["Bearer"], ["bearer"]):
                raise click.UsageError("--header takes 'Authorization: Bearer TOKEN' alone, no other scheme.")
            token = bearer(value)
            continue
        headers[name.strip().lower()] = value.strip()
    return headers, token
