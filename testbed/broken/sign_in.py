"""Broken servers of the rules in `corpus/sign_in.toml`."""

from __future__ import annotations

from dataclasses import replace

from testbed.broken.registry import breaks
from testbed.good import Good


@breaks("AUT-05", needs="login")
class PromisesIssuer(Good):
    """The metadata promises iss on the callback, and the redirect has none."""

    def issuer_parameter(self):
        return {}


@breaks("AUT-06", needs="login")
class KeepsThePost(Good):
    """The consent form is answered with 307."""

    def consent(self, query):
        return replace(super().consent(query), status=307)
