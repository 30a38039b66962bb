"""Planted bugs of the data path: doors that are wrong in one way each, so the judge can prove that it would notice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from doorward.config.model import Config


@dataclass(frozen=True)
class TrafficWeakness:
    """One planted bug: which run must catch it, and by which invariant."""

    caught_by: str
    invariant: int
    plant: Callable[[], None]
    where: str = ""
    """Which of the odd things is enough to show it."""
    count: int = 120
    patience_seconds: float = 15
    takes_many_cases: bool = False
    """Other invariants often break first; `make judge ARGS=--planted` has the time to wait for its own."""


def known_settings() -> set[str]:
    """Return the names of the settings that this Doorward has."""
    return {each.name for each in dataclasses.fields(Config)}


def _keeps_unread_connections() -> None:
    """A connection is kept whatever happened to its exchange, and the next one gets the bytes that nobody read."""
    from doorward.upstreams.http.connection import Connection
    from doorward.upstreams.http.exchange import Exchange

    left: dict[Connection, bytes] = {}
    begin = Connection.begin

    def end(self: Any, exchange: Exchange, *, reusable: bool) -> None:
        self._exchange = None
        left[self] = b"".join(exchange._pieces)
        exchange._pieces.clear()
        if self.alive and self._on_rest is not None and exchange.complete and exchange.error is None:
            self._on_rest(self, exchange)
        else:
            self.abort()

    def begin_with_the_rest(self: Any, head: bytes, body: bytes) -> Exchange:
        exchange = begin(self, head, body)
        exchange._pieces.extend(piece for piece in (left.pop(self, b""),) if piece)
        return exchange

    Connection.end = end
    Connection.begin = begin_with_the_rest


def _hands_late_bytes_on() -> None:
    """A cancelled exchange leaves its connection to the next one, with the answer still to come."""
    from doorward.upstreams.http.connection import Connection

    def end(self: Any, exchange: Any, *, reusable: bool) -> None:
        self._exchange = None
        if self.alive and self._on_rest is not None and exchange.error is None:
            self._on_rest(self, exchange)
        else:
            self.abort()

    def data_received(self: Any, data: bytes) -> None:
        if self._exchange is not None:
            self._exchange.feed(data)

    Connection.end = end
    Connection.data_received = data_received


def _resends_what_may_have_run() -> None:
    """Whatever was lost on a kept connection is sent again."""
    from doorward.upstreams.http import upstream as http

    http._only_reads = lambda call: True


def _remembers_any_redirect() -> None:
    """The target of a redirect is used for everybody from then on, with its query."""
    from doorward.upstreams.http.upstream import HttpUpstream

    def remember(self: Any, followed: str) -> None:
        self._target = followed

    HttpUpstream._remember = remember


def _takes_any_status() -> None:
    """A status that no server can send is passed on."""
    from doorward.upstreams.http.exchange import Exchange

    judged = Exchange.on_headers_complete

    class Bounded:
        def __init__(self, parser: Any) -> None:
            self._parser = parser

        def get_status_code(self) -> int:
            return min(int(self._parser.get_status_code()), 599)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._parser, name)

    def on_headers_complete(self: Any) -> None:
        parser, self._parser = self._parser, Bounded(self._parser)
        judged(self)
        self._parser = parser
        self.status = self._parser.get_status_code()

    Exchange.on_headers_complete = on_headers_complete

    from doorward.upstreams.http import upstream as http
    from doorward.upstreams.http.reply import Verdict

    rule = http.judge

    def passes(call: Any, status: int, headers: Any, origin: str, target: str) -> Verdict:
        return Verdict("pass", status, headers) if status >= 600 else rule(call, status, headers, origin, target)

    http.judge = passes

    from doorward.door import stream

    stream.rejection = lambda status: None


def _tells_logs_to_every_reader() -> None:
    """A log line that names no request goes to everybody who wants log lines."""
    from doorward.upstreams.stdio.member import Member

    def notify(self: Any, message: Any) -> None:
        if message.method == "notifications/message":
            for request in self._pending.values():
                if request.wants_logs:
                    self._put(request, message)
        else:
            rule(self, message)

    rule = Member._notify
    Member._notify = notify


def _keeps_the_clients_ids() -> None:
    """The shared child sees the ids that the clients chose, and two clients choose the same."""
    from doorward.upstreams.stdio.member import Member

    def add(self: Any, request: Any) -> int:
        request.member, request.rpc_id = self, request.exchange.rpc_id
        self._pending[request.rpc_id] = request
        return int(request.rpc_id)

    Member.add = add


def _forgets_who_waits_at_a_death() -> None:
    """Calls that a dead child had are neither answered nor ended."""
    from doorward.upstreams.stdio.member import Member

    def on_child_end(self: Any) -> None:
        self._on_end(self, set())

    Member.on_child_end = on_child_end


def _answers_who_waits_alone() -> None:
    """A response that names no request goes to the only pending one, even if the child has served other users."""
    from doorward.upstreams.stdio.member import Member

    rule = Member._answered

    def answered(self: Any, message: Any) -> int | None:
        found = rule(self, message)
        alone = found is None and message.rpc_id is None and len(self._pending) == 1
        return next(iter(self._pending)) if alone else found

    Member._answered = answered


def _answers_twice() -> None:
    """The answer is sent as an event, and again as the last one."""
    from doorward.upstreams.stdio.exchange import Exchange

    rule = Exchange.finish

    def finish(self: Any, message: bytes, error_code: int | None) -> None:
        if error_code is None:
            self.put(message)
        rule(self, message, error_code)

    Exchange.finish = finish


def _knows_no_shares() -> None:
    """All users wait in one line, and one of them can hold every place."""
    from doorward.fair_places import FairPlaces

    def try_take(self: Any, user: str) -> bool:
        if not self.free:
            return False
        self._take(user)
        return True

    FairPlaces.try_take = try_take


def _waits_forever_for_readers() -> None:
    """A client that does not read keeps its call for as long as it likes."""
    from doorward.cli.http_protocol import BoundedProtocol

    BoundedProtocol._write_left = lambda self, now: self._write_seconds


def _buffers_without_end() -> None:
    """The upstream is read however much waits for the client."""
    from doorward.upstreams.http.connection import Connection

    Connection.pause_reading = lambda self: None


TRAFFIC_WEAKNESSES: dict[str, TrafficWeakness] = {
    "hands-late-bytes-on": TrafficWeakness("cancellations", 11, _hands_late_bytes_on, "url"),
    "keeps-what-a-cancelled-call-left": TrafficWeakness(
        "cancellations", 11, _keeps_unread_connections, "unread", 200, takes_many_cases=True
    ),
    "keeps-unread-connections": TrafficWeakness("odd-answers", 11, _keeps_unread_connections),
    "remembers-any-redirect": TrafficWeakness("odd-answers", 11, _remembers_any_redirect),
    "resends-what-may-have-run": TrafficWeakness("odd-answers", 13, _resends_what_may_have_run, "closed-unanswered"),
    "takes-any-status": TrafficWeakness("odd-answers", 15, _takes_any_status, "status-"),
    "tells-logs-to-every-reader": TrafficWeakness("odd-children", 11, _tells_logs_to_every_reader, "logs-"),
    "keeps-the-clients-ids": TrafficWeakness("odd-children", 11, _keeps_the_clients_ids, "late", patience_seconds=2),
    "forgets-who-waits-at-a-death": TrafficWeakness(
        "odd-children", 14, _forgets_who_waits_at_a_death, "dies", 40, patience_seconds=2
    ),
    "answers-twice": TrafficWeakness("odd-children", 12, _answers_twice),
    "answers-who-waits-alone": TrafficWeakness("odd-children", 11, _answers_who_waits_alone, "nameless-after"),
    "knows-no-shares": TrafficWeakness("deaf-clients", 14, _knows_no_shares, count=20),
    "waits-forever-for-readers": TrafficWeakness("deaf-clients", 16, _waits_forever_for_readers, count=20),
    "buffers-without-end": TrafficWeakness("deaf-clients", 16, _buffers_without_end, count=20),
}
"""Every planted bug of the data path by name. The judge must catch each, or it is not used."""


def plant(name: str) -> None:
    """Make this process weak; the empty name leaves it as it is."""
    if name:
        TRAFFIC_WEAKNESSES[name].plant()
