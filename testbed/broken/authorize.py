"""Broken servers of the rules in `corpus/authorize.toml`."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qsl, urlencode, urlsplit

from testbed.answers import page, reply
from testbed.authorization import DOCUMENTS
from testbed.broken.registry import breaks
from testbed.good import Good


@breaks("AUT-01", "CIM-01")
class ExactPort(Good):
    """Loopback redirects are compared with their port."""

    def matches(self, registered, asked):
        return registered == asked


@breaks("AUT-02")
class FormActionSelf(Good):
    """form-action 'self' on the page."""

    def login_page(self, query):
        return page(content_security_policy="default-src 'none'; form-action 'self'")


@breaks("AUT-03")
class ProviderKnowsNoResource(Good):
    """The client's resource is handed on to an identity provider that does not know it."""

    def login_page(self, query):
        asked = {name: query[name] for name in ("resource", "scope") if name in query}
        return reply(302, location=f"{self.origin}/idp?{urlencode(asked)}")

    def elsewhere(self, request):
        if urlsplit(request.url).path != "/idp":
            return super().elsewhere(request)
        return reply(400, b"AADSTS9010010: the resource does not match the scopes", "text/html")


@breaks("AUT-04")
class RefusesScopes(Good):
    """A scope that is not known is refused."""

    def change(self):
        self.metadata["scopes_supported"] = ["mcp", "offline_access"]

    def login_page(self, query):
        wanted = set(query.get("scope", "").split())
        return self.refused(query, "invalid_scope") if wanted - {"mcp"} else page()


@breaks("AUT-07")
class RefusesResource(Good):
    """The parameter resource is refused."""

    def login_page(self, query):
        return self.refused(query, "invalid_target") if "resource" in query else page()


@breaks("AUT-08")
class PacksTheRequest(Good):
    """The whole request is packed into the state for the identity provider."""

    def login_page(self, query):
        return reply(302, location=f"{self.origin}/idp?state={base64.b64encode(json.dumps(query).encode()).decode()}")

    def elsewhere(self, request):
        return page() if urlsplit(request.url).path == "/idp" else super().elsewhere(request)


@breaks("AUT-09")
class StrictCookie(Good):
    """The cookie of the sign-in is SameSite=Strict."""

    def login_page(self, query):
        return page(set_cookie="__Host-flow=1; Path=/; Secure; HttpOnly; SameSite=Strict")


@breaks("AUT-10")
class OneSlot(Good):
    """Each load of the page makes a new form token, in the one cookie there is."""

    def login_page(self, query):
        token = self.fresh("form")
        form = f'<!doctype html><form method="post"><input type="hidden" name="csrf" value="{token}"></form>'
        return reply(200, form.encode(), "text/html", set_cookie=f"csrf={token}; Path=/; Secure; SameSite=Lax")


@breaks("CIM-01")
class ExactPortOfDocuments(Good):
    """Redirect URIs of a metadata document are compared with their port."""

    def authorize(self, request):
        query = dict(parse_qsl(urlsplit(request.url).query))
        listed = DOCUMENTS.get(query.get("client_id", ""))
        return page(400) if listed and query["redirect_uri"] not in listed else super().authorize(request)
