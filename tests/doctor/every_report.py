"""The report of every server of the test bed, with whatever its probe needs; each is examined once per process."""

from __future__ import annotations

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.run import Report, examine
from testbed.broken import BROKEN
from testbed.good import GOOD, Good

SERVERS: dict[str, type[Good]] = {**GOOD, **{rule: fixture.server for rule, fixture in BROKEN.items()}}
_known: dict[str, Report] = {}


async def report_of(name: str) -> Report:
    """Examine the good server of a name, or the one that breaks a rule."""
    if name not in _known:
        needs = BROKEN[name].needs if name in BROKEN else frozenset({"login", "repeat"})
        server = SERVERS[name]()
        picture = Picture(
            server.url,
            may_sign_in="login" in needs,
            repeat=10 if "repeat" in needs else 0,
            token=server.hand_out() if "token" in needs else "",
        )
        _known[name] = await examine(picture, server.send, sign_in=server.person)
    return _known[name]
