"""The pytest fixture `mcp_door_check`: lets a server's own tests assert that named clients can connect.

pytest loads it in every run where Doorward is installed, so it imports nothing until the fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from doorward.doctor.engine.check import Finding
    from doorward.doctor.engine.run import ClientVerdict, Report


class DoorReport(str):
    """The result of an examination. It is the report's text, so that `assert report.good, report` prints all of it."""

    __slots__ = ("_report", "_strict")
    _report: Report
    _strict: bool

    def __bool__(self) -> bool:
        """Return whether it is good: `assert report` must not pass just because the string is not empty."""
        return self.good

    def __repr__(self) -> str:
        """Return a short form for pytest's explanation of an assertion."""
        return f"<doorward check {self._report.url}: {', '.join(each.rule for each in self.findings) or 'no findings'}>"

    @property
    def good(self) -> bool:
        """Whether `doorward check` would exit with 0."""
        from doorward.doctor.report.verdicts import exit_code

        return exit_code(self._report, strict=self._strict) == 0

    @property
    def findings(self) -> Sequence[Finding]:
        """The findings, in the order to fix them."""
        return self._report.findings

    @property
    def clients(self) -> dict[str, ClientVerdict]:
        """How far each client gets, by its name."""
        return self._report.clients

    @property
    def not_checked(self) -> dict[str, str]:
        """The skipped rules, with the reason for each."""
        return self._report.not_checked

    @property
    def json(self) -> dict[str, Any]:
        """The report as `doorward check --json` prints it."""
        from doorward.doctor.report.formats import as_json

        return as_json(self._report)


DoorCheck = Callable[..., DoorReport]


@pytest.fixture
def mcp_door_check() -> DoorCheck:
    """Examine an MCP server as its clients would: `mcp_door_check(url, as_=None, token=None, strict=False)`.

    `as_` names one client; `token` is an access token; with `strict`, risks and minor findings fail too.
    """
    return examined


def examined(
    url: str,
    as_: str | None = None,
    token: str | None = None,
    *,
    strict: bool = False,
    timeout_seconds: float = 10.0,
) -> DoorReport:
    """Examine a running server; also works inside a running event loop, which it blocks."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as elsewhere:
        found = elsewhere.submit(_examine, url, as_, token or "", timeout_seconds).result()
    from doorward.doctor.report.formats import as_lines

    report = DoorReport("\n".join(as_lines(found, whole=True)))
    report._report, report._strict = found, strict  # noqa: SLF001 - a text is made before it can carry anything
    return report


def _examine(url: str, client: str | None, token: str, timeout_seconds: float) -> Report:
    import asyncio

    from doorward.doctor.engine.check import Picture
    from doorward.doctor.engine.rules import profiles
    from doorward.doctor.engine.run import examine
    from doorward.doctor.network.sending import Network
    from doorward.doctor.network.target import look_up_target

    known = profiles()
    if client is not None and client not in known:
        raise ValueError(f"There is no client {client!r}. There are: {', '.join(known)}.")

    async def run() -> Report:
        picture = Picture(url, clients=known if client is None else {client: known[client]}, token=token)
        target = await look_up_target(url)
        picture.address = target.reach
        network = Network(allow_private=False, target=target, timeout_seconds=timeout_seconds)
        try:
            return await examine(picture, network.send, seconds=(12 if token else 6) * timeout_seconds)
        finally:
            await network.close()

    return asyncio.run(run())
