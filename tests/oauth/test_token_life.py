"""Tokens over their whole life, in any order of events a machine can think of, on the real store in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from oauth.given import NOW, POLICY, REDIRECT_URI, VERIFIER, Wrapping, a_client, a_request

from doorward.errors import Conflict
from doorward.oauth.authorization.request import approve
from doorward.oauth.errors import OAuthError
from doorward.oauth.grants.authorization_code import redeem_code
from doorward.oauth.grants.refresh_token import refresh
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.tokens.reply import MintedTokens, Redemption, TokenReply
from doorward.oauth.tokens.revocation import end_grant, revoke
from doorward.records.accounts import User
from doorward.records.changes import Decision, Insert
from doorward.records.oauth import AccessToken, AuthorizationCode, AuthorizationRequest, Client, Grant, RefreshToken
from doorward.storage.memory import MemoryStore

CLIENTS = st.sampled_from(["c1", "c2"])
SCOPES = st.sampled_from([("read",), ("write",), ("read", "write")])
WANTED = st.sampled_from([None, None, None, "read", "write", "read admin"])


@dataclass
class Issued:
    """What the machine knows about one code or refresh token."""

    secret: str
    client_id: str
    grant_id: str
    scopes: frozenset[str]
    replies: list[dict[str, Any]] = field(default_factory=list)
    redeemed_at: int | None = None


class TokenLife(RuleBasedStateMachine):
    codes = Bundle("codes")
    refresh_tokens = Bundle("refresh_tokens")

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.store = MemoryStore()
        self.now = NOW
        self.count = 0
        self.sealing = Wrapping()
        self.run(self.store.open())
        self.run(self.store.apply([Insert(a_client(client_id=name)) for name in ("c1", "c2")]))
        self.run(self.store.apply([Insert(User(user_id="u1", created_at=NOW))]))

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.close()

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    def get(self, kind: Any, key: str) -> Any:
        return self.run(self.store.get(kind, key))

    def fresh(self, name: str) -> str:
        self.count += 1
        return f"{name}-{self.count}"

    def minted(self) -> MintedTokens:
        return MintedTokens(access_token=self.fresh("access"), refresh_token=self.fresh("refresh"))

    def alive(self, grant_id: str) -> bool:
        grant = self.get(Grant, grant_id)
        return grant.record.revoked_at is None

    # What a client may do -------------------------------------------------------------------------------------------

    def request(self, form: dict[str, str], client_id: str) -> Redemption:
        return Redemption(form, self.get(Client, client_id), self.now, self.minted(), self.sealing, POLICY)

    def decide_code(self, code: Issued, client_id: str, verifier: str) -> Decision[TokenReply]:
        form = {"code": code.secret, "redirect_uri": REDIRECT_URI, "code_verifier": verifier}
        stored = self.get(AuthorizationCode, digest(code.secret))
        return redeem_code(self.request(form, client_id), code=stored, grant=self.get(Grant, code.grant_id))

    def decide_refresh(self, token: Issued, client_id: str, scope: str | None) -> Decision[TokenReply]:
        form = {"refresh_token": token.secret} | ({"scope": scope} if scope else {})
        presented = self.get(RefreshToken, digest(token.secret))
        before = presented.record.predecessor_digest if presented else None
        return refresh(
            self.request(form, client_id),
            presented=presented,
            predecessor=self.get(RefreshToken, before) if before else None,
            grant=self.get(Grant, token.grant_id),
        )

    def race(self, decide: Any, racers: int) -> list[dict[str, Any]]:
        """Let racers decide on the same state, then apply one after the other; a loser decides again."""
        decisions = []
        for _ in range(racers):
            try:
                decisions.append(decide())
            except OAuthError:
                continue
        bodies = []
        for first in decisions:
            decision = first
            while True:
                try:
                    self.run(self.store.apply(decision.changes))
                except Conflict:
                    try:
                        decision = decide()
                    except OAuthError:
                        break
                    continue
                bodies.extend([decision.reply.body] if decision.reply.body else [])
                break
        return bodies

    def note(self, source: Issued, bodies: list[dict[str, Any]]) -> list[Issued]:
        """Check that every reply of one code or refresh token is the same, and return the new refresh token."""
        first_time = not source.replies
        source.replies.extend(bodies)
        assert all(body == source.replies[0] for body in source.replies)
        if not bodies or not first_time:
            return []
        body = bodies[0]
        assert set(body["scope"].split()) <= source.scopes
        assert self.alive(source.grant_id)
        source.redeemed_at = self.now
        return [Issued(body["refresh_token"], source.client_id, source.grant_id, source.scopes)]

    # Rules ----------------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 11, 31, 3601, 86_400 * 31]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(target=codes, client_id=CLIENTS, scopes=SCOPES)
    def a_user_approves(self, client_id: str, scopes: tuple[str, ...]) -> Issued:
        return self.a_user_approves_now(client_id, scopes)

    def a_user_approves_now(self, client_id: str, scopes: tuple[str, ...]) -> Issued:
        request = a_request(
            request_id=self.fresh("request"), client_id=client_id, scopes=scopes, expires_at=self.now + 600
        )
        self.run(self.store.apply([Insert(request)]))
        secret, grant_id = self.fresh("code"), self.fresh("grant")
        decision = approve(
            self.get(AuthorizationRequest, request.request_id),
            self.get(Client, client_id),
            self.get(User, "u1"),
            grant_id=grant_id,
            code=secret,
            now=self.now,
            policy=POLICY,
        )
        self.run(self.store.apply(decision.changes))
        return Issued(secret, client_id, grant_id, frozenset(scopes))

    @rule(target=refresh_tokens, code=codes, racers=st.integers(1, 3), wait=st.sampled_from([0, 0, 11]))
    def the_client_redeems(self, code: Issued, racers: int, wait: int) -> Any:
        self.now += wait
        return self.the_client_redeems_now(code, racers)

    def the_client_redeems_now(self, code: Issued, racers: int) -> Any:
        repeated_too_late = code.redeemed_at is not None and self.now - code.redeemed_at > POLICY.code_replay_seconds
        bodies = self.race(lambda: self.decide_code(code, code.client_id, VERIFIER), racers)
        if repeated_too_late:
            assert not bodies
            assert not self.alive(code.grant_id)
        return self.several(self.note(code, bodies))

    @rule(target=refresh_tokens, client_id=CLIENTS, scopes=SCOPES)
    def a_client_connects(self, client_id: str, scopes: tuple[str, ...]) -> Any:
        return self.the_client_redeems_now(self.a_user_approves_now(client_id, scopes), 1)

    @rule(code=codes, client_id=CLIENTS, verifier=st.sampled_from([VERIFIER, "w" * 43]))
    def somebody_else_tries_the_code(self, code: Issued, client_id: str, verifier: str) -> None:
        if client_id == code.client_id and (verifier == VERIFIER or code.redeemed_at is not None):
            return
        before = self.alive(code.grant_id)
        assert not self.race(lambda: self.decide_code(code, client_id, verifier), 1)
        assert self.alive(code.grant_id) == before

    @rule(target=refresh_tokens, token=refresh_tokens, scope=WANTED, racers=st.integers(1, 3))
    def the_client_refreshes(self, token: Issued, scope: str | None, racers: int) -> Any:
        late = token.redeemed_at is not None and self.now - token.redeemed_at > POLICY.refresh_replay_seconds
        bodies = self.race(lambda: self.decide_refresh(token, token.client_id, scope), racers)
        assert not (bodies and late)
        return self.several(self.note(token, bodies))

    @rule(target=refresh_tokens, token=refresh_tokens, wait=st.sampled_from([0, 30, 31]))
    def the_client_repeats_a_refresh(self, token: Issued, wait: int) -> Any:
        first = self.race(lambda: self.decide_refresh(token, token.client_id, None), 1)
        issued = self.note(token, first)
        self.now += wait if issued else 0
        again = self.race(lambda: self.decide_refresh(token, token.client_id, None), 1)
        self.note(token, again)
        if issued:
            assert bool(again) == self.alive(token.grant_id) == (wait <= POLICY.refresh_replay_seconds)
        return self.several(issued)

    @rule(target=refresh_tokens, token=refresh_tokens)
    def the_successor_is_used_before_the_repeat(self, token: Issued) -> Any:
        issued = self.note(token, self.race(lambda: self.decide_refresh(token, token.client_id, None), 1))
        if issued:
            (successor,) = issued
            assert self.note(successor, self.race(lambda: self.decide_refresh(successor, successor.client_id, None), 1))
            assert not self.race(lambda: self.decide_refresh(token, token.client_id, None), 1)
            assert not self.alive(token.grant_id)
        return self.several(issued)

    @rule(token=refresh_tokens)
    def another_client_tries_to_refresh(self, token: Issued) -> None:
        other = "c2" if token.client_id == "c1" else "c1"
        before = self.alive(token.grant_id)
        assert not self.race(lambda: self.decide_refresh(token, other, None), 1)
        assert self.alive(token.grant_id) == before

    @rule(token=consumes(refresh_tokens), client_id=CLIENTS)
    def a_client_revokes(self, token: Issued, client_id: str) -> None:
        found = self.get(RefreshToken, digest(token.secret))
        decision = revoke(
            {"token": token.secret},
            client=self.get(Client, client_id).record,
            found=found,
            grant=self.get(Grant, token.grant_id),
            now=self.now,
        )
        self.run(self.store.apply(decision.changes))
        if found is not None and client_id == token.client_id:
            assert not self.alive(token.grant_id)

    @rule(token=refresh_tokens, scope=WANTED)
    def a_revocation_overtakes_a_refresh(self, token: Issued, scope: str | None) -> None:
        try:
            late = self.decide_refresh(token, token.client_id, scope)
        except OAuthError:
            return
        grant = self.get(Grant, token.grant_id)
        ending = revoke(
            {"token": token.secret},
            client=self.get(Client, token.client_id).record,
            found=self.get(RefreshToken, digest(token.secret)),
            grant=grant,
            now=self.now,
        )
        self.run(self.store.apply(ending.changes))
        try:
            self.run(self.store.apply(late.changes))
        except Conflict:
            return
        raise AssertionError("A refresh that was decided before a revocation was applied after it.")

    @rule(code=codes)
    def an_operator_overtakes_a_redemption(self, code: Issued) -> None:
        try:
            late = self.decide_code(code, code.client_id, VERIFIER)
        except OAuthError:
            return
        self.run(self.store.apply(end_grant(self.get(Grant, code.grant_id), reason="operator", now=self.now)))
        try:
            self.run(self.store.apply(late.changes))
        except Conflict:
            return
        raise AssertionError("A redemption that was decided before the grant ended was applied after it.")

    @staticmethod
    def several(values: list[Issued]) -> Any:
        return multiple(*values)

    # What always holds ----------------------------------------------------------------------------------------------

    @invariant()
    def no_token_of_an_ended_grant_is_left(self) -> None:
        if not hasattr(self, "store"):
            return
        for kind in (AccessToken, RefreshToken):
            for stored in self.run(self.store.find(kind)):
                assert self.alive(stored.record.grant_id)

    @invariant()
    def no_token_is_wider_or_longer_than_its_grant(self) -> None:
        if not hasattr(self, "store"):
            return
        for kind in (AccessToken, RefreshToken):
            for stored in self.run(self.store.find(kind)):
                grant = self.get(Grant, stored.record.grant_id).record
                assert set(stored.record.scopes) <= set(grant.scopes)
                assert stored.record.expires_at <= grant.created_at + POLICY.grant_absolute_seconds
                assert (stored.record.client_id, stored.record.user_id) == (grant.client_id, grant.user_id)

    @invariant()
    def a_grant_has_one_line_of_refresh_tokens(self) -> None:
        if not hasattr(self, "store"):
            return
        live = [s.record.grant_id for s in self.run(self.store.find(RefreshToken)) if s.record.rotated_at is None]
        assert len(live) == len(set(live))


TokenLife.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=25,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestTokenLife = TokenLife.TestCase
