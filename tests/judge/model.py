"""What a history says about the world: who issued what to whom, and when each thing may have ended, or surely had.

Only intervals count. Something is sure at an instant if it was answered before that instant; it is possible as soon as
it was sent. An operation without an answer stays possible forever, and is never sure. Does not know HTTP.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from judge.history import Operation

from doorward.oauth.policy import Policy

STANDING = ("issue", "assert")
"""Operations that hang on a grant which is there as long as the operator wants it."""
LINGER_NANOSECONDS = 2_000_000_000
"""How long a request may still be served after its connection broke."""


@dataclass(frozen=True)
class Ending:
    """Something that ends a grant or one token. `end` is None unless it surely took effect."""

    start: int
    end: int | None
    by: Operation


@dataclass
class Family:
    """One grant: everything that descends from one consent, or from the standing permission of an operator's client.

    Named by its code. A standing one has none; it begins with its first token.
    """

    code: str
    client: str
    user: str
    consent: Operation
    redemptions: list[Operation] = field(default_factory=list)
    """Honest attempts to redeem the code, with any outcome."""
    abuses: list[Operation] = field(default_factory=list)
    """Attempts by the right client with a wrong proof: on a spent code they end the grant."""
    endings: list[Ending] = field(default_factory=list)

    @property
    def is_of_a_device(self) -> bool:
        """It was allowed by a code that a device showed."""
        return self.consent.input.get("kind") == "device"


@dataclass
class Token:
    """One access or refresh token."""

    name: str
    kind: str
    family: Family
    source: str = ""
    """The code, refresh token or access token it was made from; empty: the grant itself."""
    client: str = ""
    """Whose it is: after an exchange not the one that the grant was given to."""
    issued_by: list[Operation] = field(default_factory=list)
    """Every operation that answered with it."""
    uses: list[Operation] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)

    @property
    def made_from_clock(self) -> int:
        """The earliest time, by the doors' clock, at which it can have been made."""
        return min(each.clock[0] for each in self.issued_by)

    @property
    def dead_at(self) -> int:
        """The latest time, by the doors' clock, at which it can still be good."""
        return max(each.clock[1] + int(each.issued["expires_in"]) for each in self.issued_by)


class Model:
    """The world of one history."""

    def __init__(self, operations: Sequence[Operation], policy: Policy) -> None:
        self.policy = policy
        self.operations = operations
        self.by_name: dict[str, list[Operation]] = defaultdict(list)
        for each in operations:
            self.by_name[each.name].append(each)
        self.clients = {each.issued["client"]: each for each in self.by_name["register"] if each.outcome == "ok"}
        self.families: dict[str, Family] = {}
        self.standing: dict[tuple[str, str, str], Family] = {}
        """Grants that no code stands for, by how they are asked for, client and user."""
        self.assertions: dict[str, list[Operation]] = defaultdict(list)
        self.by_parties: dict[tuple[str, str], list[Family]] = defaultdict(list)
        self.tokens: dict[str, Token] = {}
        self.made_from: dict[str, list[Token]] = defaultdict(list)
        """Refresh tokens by the code or refresh token that they were made from."""
        self.client_endings: dict[str, list[Ending]] = defaultdict(list)
        self.user_endings: dict[str, list[Ending]] = defaultdict(list)
        self._note_consents()
        self._note_tokens()
        self._note_endings()
        for token in self.tokens.values():
            if token.kind == "refresh":
                self._note_reuse(token)
        for family in self.families.values():
            self._note_replays(family)

    def _note_consents(self) -> None:
        for each in self.by_name["consent"]:
            if each.outcome == "ok":
                code = each.issued["code"]
                family = Family(code, each.input["client"], each.input["user"], each)
                self.families[code] = family
                self.by_parties[family.user, family.client].append(family)

    def _note_tokens(self) -> None:
        """A refresh follows the operation that gave its token, so starts are an order in which sources come first."""
        for each in self.operations:
            if each.name == "redeem":
                family = self.families.get(each.input["code"])
                if family and not each.hostile:
                    family.redemptions.append(each)
                elif family and each.input["client"] == family.client:
                    family.abuses.append(each)
                self._issue(each, family, each.input["code"])
                if family and each.reached and each.outcome != "refused":
                    self._note_superseding(family, each)
            elif each.name == "refresh":
                used = self.tokens.get(each.input["refresh"])
                if used and not each.hostile:
                    used.uses.append(each)
                self._issue(each, used.family if used else None, each.input["refresh"])
            elif each.name == "exchange":
                subject = self.tokens.get(each.input["subject"])
                self._issue(each, subject.family if subject else None, each.input["subject"])
            elif each.name in STANDING:
                self._issue(each, self._standing_family(each), "")
                if each.name == "assert":
                    self.assertions[each.input["assertion"]].append(each)

    def _standing_family(self, each: Operation) -> Family:
        key = (each.name, each.input["client"], each.input["user"])
        return self.standing.setdefault(key, Family("", each.input["client"], each.input["user"], each))

    def _note_superseding(self, newer: Family, by: Operation) -> None:
        """A redemption may end what the same user gave the same client long before: the client has started over."""
        for older in self.by_parties[newer.user, newer.client]:
            age_seconds = newer.consent.clock[1] - older.consent.clock[0]
            if older is not newer and age_seconds >= self.policy.authorization_request_seconds:
                older.endings.append(Ending(by.start, None, by))

    def _issue(self, by: Operation, family: Family | None, source: str) -> None:
        if by.outcome != "ok" or family is None:
            return
        for kind in ("access", "refresh"):
            name = by.issued.get(kind)
            if name is None:
                continue
            if name not in self.tokens:
                self.tokens[name] = Token(name, kind, family, source, by.input["client"])
                if kind == "refresh":
                    self.made_from[source].append(self.tokens[name])
            self.tokens[name].issued_by.append(by)

    def _note_endings(self) -> None:
        for each in self.operations:
            if not each.reached or each.outcome == "refused":
                continue
            ending = Ending(each.start, each.end if each.outcome == "ok" else None, each)
            if each.name == "revoke":
                self._note_revocation(each, ending)
            elif each.name == "end_user":
                self.user_endings[each.input["user"]].append(ending)
            elif each.name == "end_client":
                self.client_endings[each.input["client"]].append(ending)
        for family in (*self.families.values(), *self.standing.values()):
            for ending in (*self.user_endings[family.user], *self.client_endings[family.client]):
                # A consent that was begun after the ending was over is no part of what ended.
                if ending.end is None or family.consent.start < ending.end:
                    family.endings.append(ending)

    def _note_revocation(self, by: Operation, ending: Ending) -> None:
        token = self.tokens.get(by.input["token"])
        if token is None or token.client != by.input["client"]:
            return
        if token.kind == "refresh":
            token.family.endings.append(ending)
        else:
            token.endings.append(ending)

    def _note_reuse(self, token: Token) -> None:
        """Find the uses of a spent refresh token that may have ended, or surely ended, its grant."""
        used_after = [use for each in self.made_from[token.name] for use in each.uses if use.reached]
        for use in token.uses:
            if not use.reached or use.outcome == "ok":
                continue
            others = [each for each in token.uses if each is not use and each.reached]
            if self.may_be_closed(use, others, self.policy.refresh_replay_seconds) or any(
                each.start < self.done_by(use) for each in used_after
            ):
                sure = use.outcome == "refused" and (
                    self.is_closed(use, others, self.policy.refresh_replay_seconds)
                    or any(each.outcome == "ok" and each.end < use.start for each in used_after)
                )
                token.family.endings.append(Ending(use.start, use.end if sure else None, use))

    def _note_replays(self, family: Family) -> None:
        if family.is_of_a_device:  # nobody else ever sees its code, so a repeat is refused and ends nothing
            return
        for each in family.redemptions:
            others = [other for other in family.redemptions if other is not each and other.reached]
            if (
                each.reached
                and each.outcome != "ok"
                and self.may_be_closed(each, others, self.policy.code_replay_seconds)
            ):
                sure = each.outcome == "refused" and self.is_closed(each, others, self.policy.code_replay_seconds)
                family.endings.append(Ending(each.start, each.end if sure else None, each))
        for each in family.abuses:
            before = [other for other in family.redemptions if other.reached and other.start < each.end]
            if each.reached and before:
                sure = each.outcome == "refused" and any(
                    other.outcome == "ok" and other.end < each.start for other in before
                )
                family.endings.append(Ending(each.start, each.end if sure else None, each))

    def done_by(self, operation: Operation) -> int:
        """Return the instant after which an operation has no effect that it has not had.

        An answer, even one without a verdict, is the end of it, and so is the death of the process. Only a request
        whose connection broke may still be served for a moment.
        """
        if operation.outcome != "unknown" or operation.status or self._was_killed(operation):
            return operation.end
        return operation.end + LINGER_NANOSECONDS

    def _was_killed(self, operation: Operation) -> bool:
        return any(
            each.node == operation.node and each.start < operation.end and each.end > operation.start
            for each in self.by_name["kill"]
        )

    # Questions -----------------------------------------------------------------------------------------------------

    def may_be_closed(self, use: Operation, others: Iterable[Operation], window_seconds: int) -> bool:
        """Return whether the window that another use opened may have been over at some instant of this one."""
        opened = [each.clock[0] for each in others if each.start < use.end]
        return bool(opened) and use.clock[1] - min(opened) > window_seconds

    def is_closed(self, use: Operation, others: Iterable[Operation], window_seconds: int) -> bool:
        """Return whether the window was surely over before this use began."""
        opened = [each.clock[1] for each in others if each.outcome == "ok" and each.end < use.start]
        return bool(opened) and use.clock[0] - min(opened) > window_seconds

    def may_have_ended(self, endings: Iterable[Ending], at: Operation) -> bool:
        """Return whether one of these may have taken effect before the operation did."""
        return any(each.start < at.end and each.by is not at for each in endings)

    def has_ended(self, endings: Iterable[Ending], at: Operation) -> Ending | None:
        """Return one of these that surely took effect before the operation began."""
        for each in endings:
            if each.end is not None and each.end < at.start and each.by is not at:
                return each
        return None

    def endings_of(self, token: Token) -> list[Ending]:
        """Return what may end this token: its own endings and those of its grant."""
        return [*token.endings, *token.family.endings]
