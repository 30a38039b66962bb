"""Broken servers of the rules in `corpus/token.toml`."""

from __future__ import annotations

from testbed.answers import reply
from testbed.broken.registry import breaks
from testbed.good import Good


@breaks("TOK-01")
class NoRefresh(Good):
    """The refresh grant is not among those offered."""

    def change(self):
        self.metadata["grant_types_supported"] = ["authorization_code"]


@breaks("TOK-03")
class BodyOnly(Good):
    """Client authentication is read from the body alone."""

    def token(self, request):
        if "authorization" in request.headers:
            return reply(401, {"error": "invalid_client"})
        return super().token(request)


@breaks("TOK-04")
class JsonOnly(Good):
    """The token endpoint reads JSON alone."""

    def token(self, request):
        return reply(415, {"error": "json only"})


@breaks("TOK-05", needs="login")
class NumbersAsText(Good):
    """expires_in is text."""

    def issue(self, grant):
        answer = super().issue(grant)
        return reply(200, answer.json | {"expires_in": "3600"}, cache_control="no-store")


@breaks("TOK-06", needs="login repeat")
class DeletesFirst(Good):
    """The code is deleted before the rest of the request is looked at."""

    def redeem(self, client, form):
        asked = self.codes.get(form.get("code", ""))
        answer = super().redeem(client, form)
        if asked is not None:
            self.codes.pop(form["code"], None)
        return answer
