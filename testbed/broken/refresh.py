"""Broken servers of the rules in `corpus/token.toml` that are about refreshing."""

from __future__ import annotations

import json

from testbed.answers import reply
from testbed.broken.registry import breaks
from testbed.good import Good


@breaks("TOK-02", "TOK-08", needs="login repeat")
class EndsTheFamily(Good):
    """The second use of a refresh token ends the sign-in, however soon it comes."""

    def refresh(self, client, form):
        known = self.refresh_tokens.get(form.get("refresh_token", ""), {})
        if known.get("successor") is not None:
            self.ended.add(known["grant"])
        return super().refresh(client, form)


@breaks("TOK-07", needs="login")
class DropsTheToken(Good):
    """A refresh spends the old refresh token and names no new one."""

    def refresh(self, client, form):
        if self.refresh_tokens.get(form.get("refresh_token", ""), {}).get("successor") is not None:
            return reply(400, {"error": "invalid_grant"})
        answer = super().refresh(client, form)
        kept = {k: v for k, v in json.loads(answer.body).items() if k != "refresh_token"}
        return reply(answer.status, kept, cache_control="no-store")


@breaks("TOK-08", needs="login")
class NoSecondReply(Good):
    """A refresh token that was used is refused at once: a lost reply cannot be asked for again."""

    def refresh(self, client, form):
        if self.refresh_tokens.get(form.get("refresh_token", ""), {}).get("successor") is not None:
            return reply(400, {"error": "invalid_grant"})
        return super().refresh(client, form)
