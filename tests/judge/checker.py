"""The invariants of the authorization server, checked against a history. Each has zero tolerance.

 1  A code, or an assertion, is used at most once.          fed by: redeem, assert
 2  A refresh token has at most one line of successors.     fed by: refresh
 3  Acknowledged is kept.                                   fed by: register, consent, redeem, refresh, then any use
 4  Unknown resolves, and no honest client signs in again.  fed by: every operation that was repeated
 5  Revoked stays revoked, and what was made from it.       fed by: revoke, end_user, end_client, reuse, then any use
 6  No token outside its user, client, audience or life.    fed by: call, introspect, exchange; hostile redeem, refresh
 7  Never in without authentication.                        fed by: hostile call
 8  A store fault is no verdict.                            fed by: everything during a store_fault
 9  No secret in any written byte.                          fed by: scan.py
10  Service is back by itself, in time.                     fed by: recovery; every 5xx outside a fault

A verdict against an honest client needs a reason that was possible when it was given: an ending, an expiry. Without
one it breaks 8 during a store fault, 4 if the same input went unanswered before, and 3 otherwise.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from judge.history import Operation
from judge.model import Ending, Model, Token

from doorward.oauth.policy import Policy

NAMES = {
    1: "code redeemed at most once",
    2: "one line of successors",
    3: "acknowledged is kept",
    4: "unknown resolves",
    5: "revoked stays revoked",
    6: "token within its bounds",
    7: "never in unauthenticated",
    8: "a store fault is no verdict",
    9: "no secret written",
    10: "back in time",
    11: "an answer reaches who asked",
    12: "at most one answer",
    13: "a tool runs at most once",
    14: "honest users are served",
    15: "no bug",
    16: "what one user holds is bounded",
}
"""Those of the data path, from 11, are checked by `judge.traffic.checker`."""
REPEATED = {"register", "authorize", "sign_in", "consent", "page", "redeem", "refresh", "revoke"} | {
    "issue",
    "exchange",
    "assert",
}
"""What honest clients repeat until there is a verdict."""
FAULTS = {"store_fault", "kill", "recovery"}


@dataclass(frozen=True)
class Break:
    """One invariant broken, with the operations that show it."""

    invariant: int
    what: str
    shown_by: tuple[Operation, ...] = ()

    def __str__(self) -> str:
        """Render as one line."""
        ids = ", ".join(f"{each.name} {each.id}" for each in self.shown_by)
        return f"invariant {self.invariant} ({NAMES[self.invariant]}): {self.what} [{ids}]"


@dataclass
class Verdict:
    """What the checker found, and how much it had to look at."""

    breaks: list[Break] = field(default_factory=list)
    fed: Counter[int] = field(default_factory=Counter)
    """How often each invariant was put to the test: a zero among the breaks means nothing without these."""
    operations: int = 0
    unknown: int = 0
    """Inputs of which at least one attempt went unanswered."""
    resolved: int = 0
    """Those of them that later had a verdict."""

    def add(self, invariant: int, found: Iterable[Break]) -> None:
        """Count one test of an invariant, with what it found."""
        self.fed[invariant] += 1
        self.breaks.extend(found)


def check(operations: list[Operation], policy: Policy) -> Verdict:
    """Judge one history."""
    return _Checker(Model(operations, policy)).run()


class _Checker:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.policy = model.policy
        self.verdict = Verdict(operations=len(model.operations))
        self.faults = [each for name in FAULTS for each in model.by_name[name]]
        self.store_faults = model.by_name["store_fault"]
        self.attempts: dict[tuple[str, ...], list[Operation]] = defaultdict(list)
        for each in model.operations:
            if each.name in REPEATED and not each.hostile:
                self.attempts[_key(each)].append(each)

    def run(self) -> Verdict:
        for code in self.model.families.values():
            self.verdict.add(1, self._one_answer(1, code.redemptions, self.policy.code_replay_seconds))
        for token in self.model.tokens.values():
            if token.uses:
                self.verdict.add(2, self._one_answer(2, token.uses, self.policy.refresh_replay_seconds))
                self.verdict.add(2, self._no_repeat_after_the_successor(token))
        for presented in self.model.assertions.values():
            used = tuple(each for each in presented if each.outcome == "ok")
            self.verdict.add(1, [Break(1, "an assertion was used twice", used)] if len(used) > 1 else [])
        for each in self.model.operations:
            self._check_one(each)
        for attempts in self.attempts.values():
            self._check_resolution(attempts)
        return self.verdict

    def _check_one(self, each: Operation) -> None:
        if each.name in FAULTS:
            if each.name == "recovery":
                self.verdict.add(10, self._in_time(each))
            return
        if each.hostile:
            invariant = 7 if each.name == "call" else 6
            self.verdict.add(
                invariant,
                [Break(invariant, f"a hostile {each.name} succeeded", (each,))] if each.outcome == "ok" else [],
            )
        elif each.outcome == "refused":
            self._check_refusal(each)
        elif each.outcome == "ok":
            self._check_success(each)
        if each.status >= 500:
            self.verdict.add(8, self._no_verdict(each))
            self.verdict.add(10, self._has_a_fault(each))

    # 1 and 2 -------------------------------------------------------------------------------------------------------

    def _one_answer(self, invariant: int, uses: list[Operation], window_seconds: int) -> Iterator[Break]:
        """All successes of one input are the identical reply, and none comes after the window."""
        first: Operation | None = None
        for each in uses:
            if each.outcome != "ok":
                continue
            if first is None:
                first = each
            elif first.issued != each.issued:
                yield Break(invariant, f"two different answers to one {each.name}", (first, each))
            others = [other for other in uses if other is not each]
            if self.model.is_closed(each, others, window_seconds):
                yield Break(invariant, f"a {each.name} repeated after the window", (each,))

    def _no_repeat_after_the_successor(self, token: Token) -> Iterator[Break]:
        used = [use for each in self.model.made_from[token.name] for use in each.uses if use.outcome == "ok"]
        earliest = min((each.end for each in used), default=None)
        for each in token.uses:
            if each.outcome == "ok" and earliest is not None and earliest < each.start:
                yield Break(2, "a spent refresh token answered after its successor was used", (each,))

    # Successes: 5 and 6 --------------------------------------------------------------------------------------------

    def _check_success(self, each: Operation) -> None:
        match each.name:
            case "call" | "introspect":
                token = self.model.tokens.get(each.input["access"])
                if token is None:
                    self.verdict.add(6, [Break(6, "a token was accepted that nobody was given", (each,))])
                    return
                self.verdict.add(6, self._within_bounds(each, token))
                self._check_ended(each, self.model.endings_of(token))
            case "refresh":
                if token := self.model.tokens.get(each.input["refresh"]):
                    self._check_ended(each, self.model.endings_of(token))
            case "redeem":
                if family := self.model.families.get(each.input["code"]):
                    self._check_ended(each, family.endings)
            case "exchange":
                if token := self.model.tokens.get(each.input["subject"]):
                    self.verdict.add(6, self._within_the_life_of(token, each))
                    self._check_ended(each, [*self.model.endings_of(token), *self._endings_of_parties(each)])
            case "authorize" | "consent" | "issue" | "assert":
                self._check_ended(each, self._endings_of_parties(each))

    def _check_ended(self, each: Operation, endings: list[Ending]) -> None:
        ended = self.model.has_ended(endings, each)
        self.verdict.add(
            5,
            [Break(5, f"a {each.name} succeeded after {ended.by.name} had ended it", (ended.by, each))]
            if ended
            else [],
        )

    def _endings_of_parties(self, each: Operation) -> list[Ending]:
        client = self.model.client_endings[each.input.get("client", "")]
        # Who has ended can still begin a sign-in, but cannot get anything from it.
        by_user = each.name in {"consent", "issue", "assert"}
        user = self.model.user_endings[each.input.get("user", "")] if by_user else []
        return [*client, *user]

    def _within_bounds(self, each: Operation, token: Token) -> Iterator[Break]:
        family = token.family
        expected = {
            "user": family.user,
            "client": token.client,
            "scope": " ".join(self.policy.door_scopes),
            "resource": next(iter(self.policy.resources)),
        }
        for name, value in expected.items():
            if each.issued.get(name) != value:
                yield Break(6, f"the call was made as another {name}", (token.issued_by[0], each))
        if each.clock[0] > token.dead_at:
            yield Break(6, "an expired token was accepted", (token.issued_by[0], each))

    def _within_the_life_of(self, subject: Token, each: Operation) -> Iterator[Break]:
        if each.clock[0] + int(each.issued["expires_in"]) > subject.dead_at:
            yield Break(6, "an exchanged token lives longer than what it was made from", (subject.issued_by[0], each))

    # Refusals: 3, 4 and 8 ------------------------------------------------------------------------------------------

    def _check_refusal(self, each: Operation) -> None:
        invariant = 3
        if any(fault.start < each.end and each.start < fault.end for fault in self.store_faults):
            invariant = 8
        elif any(other.outcome == "unknown" and other.start < each.start for other in self.attempts[_key(each)]):
            invariant = 4
        reason = self._reason_to_refuse(each)
        self.verdict.add(
            invariant, [] if reason else [Break(invariant, f"a {each.name} was refused ({each.error})", (each,))]
        )

    def _reason_to_refuse(self, each: Operation) -> bool:
        """Return whether something that was possible then explains the verdict."""
        model, given = self.model, each.input
        if model.may_have_ended(self._endings_of_parties(each), each):
            return True
        match each.name:
            case "redeem":
                return self._code_may_be_over(each)
            case "refresh":
                return self._refresh_token_may_be_over(each)
            case "call" | "introspect":
                token = model.tokens.get(given["access"])
                return token is None or self._may_be_over(
                    token, each, seconds=int(token.issued_by[0].issued["expires_in"])
                )
            case "exchange":
                token = model.tokens.get(given["subject"])
                return token is None or self._may_be_over(
                    token, each, seconds=int(token.issued_by[0].issued["expires_in"])
                )
            case "assert":
                others = [other for other in model.assertions[given["assertion"]] if other is not each]
                return each.clock[1] >= int(given["ends_at"]) or any(
                    other.reached and other.start < each.end for other in others
                )
            case "sign_in" | "page" | "consent":
                return self._step_may_be_over(each)
        return False

    def _code_may_be_over(self, each: Operation) -> bool:
        family = self.model.families.get(each.input["code"])
        if family is None or self.model.may_have_ended(family.endings, each):
            return True
        others = [other for other in family.redemptions if other is not each and other.reached]
        if any(other.outcome == "ok" and other.end < each.start for other in others):
            return self.model.may_be_closed(each, others, self.policy.code_replay_seconds)
        expired = each.clock[1] >= family.consent.clock[0] + self.policy.code_seconds
        return expired or self.model.may_be_closed(each, others, self.policy.code_replay_seconds)

    def _refresh_token_may_be_over(self, each: Operation) -> bool:
        token = self.model.tokens.get(each.input["refresh"])
        if token is None or self._may_be_over(token, each, seconds=self.policy.refresh_idle_seconds):
            return True
        others = [other for other in token.uses if other is not each and other.reached]
        used_after = [use for next_ in self.model.made_from[token.name] for use in next_.uses if use.reached]
        return self.model.may_be_closed(each, others, self.policy.refresh_replay_seconds) or any(
            use.start < each.end for use in used_after
        )

    def _may_be_over(self, token: Token, each: Operation, *, seconds: int) -> bool:
        return (
            self.model.may_have_ended(self.model.endings_of(token), each)
            or each.clock[1] >= token.made_from_clock + seconds
        )

    def _step_may_be_over(self, each: Operation) -> bool:
        """A step whose answer was lost has moved the request on: the person is turned away cleanly and starts again."""
        earlier = [
            other
            for name in ("sign_in", "consent")
            for other in self.attempts[name, each.input["request"]]
            if other is not each and other.reached and other.start < each.end and other.outcome == "unknown"
        ]
        ended = self.model.may_have_ended(self.model.user_endings[each.input["user"]], each)
        begun = [
            other for other in self.model.by_name["authorize"] if other.issued.get("request") == each.input["request"]
        ]
        late = any(each.clock[1] >= other.clock[0] + self.policy.authorization_request_seconds for other in begun)
        return bool(earlier) or ended or late

    # 4, 8 and 10 ---------------------------------------------------------------------------------------------------

    def _check_resolution(self, attempts: list[Operation]) -> None:
        unanswered = [each for each in attempts if each.outcome == "unknown"]
        if not unanswered:
            return
        self.verdict.unknown += 1
        resolved = any(each.outcome != "unknown" for each in attempts)
        self.verdict.resolved += resolved
        last = max(attempts, key=lambda each: each.end)
        self.verdict.add(4, [] if resolved else [Break(4, f"a {last.name} never had a verdict", (last,))])

    def _no_verdict(self, each: Operation) -> Iterator[Break]:
        if each.error.startswith("invalid_") or each.error in {"unauthorized_client", "access_denied"}:
            yield Break(8, f"status {each.status} came with the verdict {each.error}", (each,))

    def _has_a_fault(self, each: Operation) -> Iterator[Break]:
        if not any(fault.start < each.end and each.start < fault.end for fault in self.faults):
            yield Break(10, f"status {each.status} without any fault", (each,))

    def _in_time(self, each: Operation) -> Iterator[Break]:
        took_ms = (each.end - each.start) // 1_000_000
        if each.outcome != "ok" or took_ms > int(each.input["bar_ms"]):
            yield Break(10, f"service was back after {took_ms} ms, not within {each.input['bar_ms']}", (each,))


def _key(each: Operation) -> tuple[str, ...]:
    """Return what makes two attempts the same input."""
    names = {
        "register": "registration",
        "authorize": "client",
        "redeem": "code",
        "refresh": "refresh",
        "revoke": "token",
        "call": "access",
        "introspect": "access",
    }
    names |= dict.fromkeys(("issue", "exchange", "assert"), "attempt")
    name = names.get(each.name, "request")
    return each.name, each.input.get(name, each.id)
