"""Broken servers of the rules in `corpus/authorize.toml`."""

from __future__ import annotations

from testbed.answers import page
from testbed.broken.registry import breaks
from testbed.good import Good


@breaks("AUT-01")
class ExactPort(Good):
    """Loopback redirects are compared with their port."""

    def matches(self, registered, asked):
        return registered == asked


@breaks("AUT-02")
class FormActionSelf(Good):
    """form-action 'self' on the page."""

    def login_page(self, query):
        return page(content_security_policy="default-src 'none'; form-action 'self'")


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
