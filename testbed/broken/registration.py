"""Broken servers of the rules in `corpus/registration.toml`."""

from __future__ import annotations

import json

from testbed.answers import reply
from testbed.broken.registry import breaks
from testbed.good import Good


@breaks("REG-01")
class NoWayIn(Good):
    """Neither registration nor metadata documents."""

    def change(self):
        del self.metadata["registration_endpoint"]
        del self.metadata["client_id_metadata_document_supported"]


@breaks("CIM-02")
class BasicOnly(Good):
    """Metadata documents are offered, but only with client_secret_basic."""

    def change(self):
        self.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_basic"]


@breaks("REG-02")
class HttpsOnly(Good):
    """Redirect URIs must be https."""

    def register(self, request):
        uris = json.loads(request.body)["redirect_uris"]
        if not all(uri.startswith("https://") for uri in uris):
            return reply(400, {"error": "invalid_redirect_uri"})
        return super().register(request)


@breaks("REG-04")
class NullSecret(Good):
    """A member of the registration reply is null."""

    def register(self, request):
        answer = super().register(request)
        return reply(201, {**answer.json, "logo_uri": None})


@breaks("REG-05")
class Strangers(Good):
    """Registration wants a token first."""

    def register(self, request):
        return reply(401, {"error": "invalid_token"})
