"""Broken servers of the rules in `corpus/store.toml`."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from testbed.answers import reply
from testbed.broken.registry import breaks
from testbed.good import Good, SignedTokens
from testbed.signing import key_set, new_key


@breaks("REG-03", needs="repeat")
class ForgetsClients(Good):
    """Clients are kept in memory, and the process is replaced after half a minute."""

    def register(self, request):
        answer = super().register(request)
        self.clients[answer.json["client_id"]]["until"] = self.now + 30
        return answer

    def oauth(self, request):
        self.clients = {name: each for name, each in self.clients.items() if each["until"] > self.now}
        return super().oauth(request)


@breaks("STO-01", needs="repeat")
class LateReplica(Good):
    """A client that was registered is readable only a tenth of a second later."""

    def everything(self, request):
        return replace(super().everything(request), elapsed_seconds=0.04)

    def register(self, request):
        answer = super().register(request)
        self.clients[answer.json["client_id"]]["from"] = self.now + 0.1
        return answer

    def oauth(self, request):
        everyone = self.clients
        if urlsplit(request.url).path in {"/authorize", "/token"}:
            self.clients = {name: each for name, each in everyone.items() if each["from"] <= self.now}
        answer = super().oauth(request)
        self.clients = everyone
        return answer


@breaks("STO-02", needs="login")
class CodesOnOneNode(Good):
    """Codes are kept on the node that issued them, and two nodes take turns at the token endpoint."""

    turn = 0

    def redeem(self, client, form):
        if form.get("code", "") in self.codes:
            self.turn += 1
            if self.turn % 2:
                return reply(400, {"error": "invalid_grant"})
        return super().redeem(client, form)


@breaks("STO-03", needs="repeat")
class KeyPerNode(SignedTokens):
    """Each of two nodes makes its own key when it starts."""

    turn = 0

    def key_set(self, request):
        self.turn += 1
        return reply(200, key_set(new_key("key-2"))) if self.turn % 2 else super().key_set(request)
