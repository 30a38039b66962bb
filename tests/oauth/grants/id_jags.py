"""An identity provider for tests: it signs what it is told, good or hostile."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from doorward.oauth.clients.keys import read_jwks, stored_keys

IDP = "https://idp.example"
TYPE = "oauth-id-jag+jwt"
EC = ECKey.generate_key("P-256", {"kid": "ec"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
STRANGER = ECKey.generate_key("P-256", {"kid": "ec"})
KEYS = stored_keys(read_jwks({"keys": [key.as_dict(private=False) for key in (EC, RSA, ED)]}))


def encode(data: Any) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data, separators=(",", ":")).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: Any, claims: Any, key: Any = EC, *, algorithm: str | None = None) -> str:
    """Sign with a key by whatever algorithm is named, without asking whether that is wise."""
    text = f"{encode(header)}.{encode(claims)}"
    name = algorithm or header["alg"]
    signature = JWSRegistry.algorithms[name].sign(text.encode(), key)
    return f"{text}.{encode(signature)}"


def maced(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """Sign with a MAC over a text that everybody knows: the classic confusion."""
    text = f"{encode(header)}.{encode(claims)}"
    return f"{text}.{encode(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def header(**changes: Any) -> dict[str, Any]:
    good = {"alg": "ES256", "typ": TYPE, "kid": "ec"}
    return {name: value for name, value in (good | changes).items() if value is not ...}


@dataclass(frozen=True)
class Place:
    """Whom an honest assertion is for, and when."""

    issuer: str
    resource: str
    client_id: str
    now: int


def claims(place: Place, **changes: Any) -> dict[str, Any]:
    good = {
        "iss": IDP,
        "sub": "00u1",
        "aud": place.issuer,
        "client_id": place.client_id,
        "resource": place.resource,
        "jti": "j1",
        "iat": place.now,
        "exp": place.now + 300,
    }
    return {name: value for name, value in (good | changes).items() if value is not ...}


class Forger:
    """Makes assertions that differ from an honest one in a single thing."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.good = signed(header(), claims(place))

    def hostile(self) -> dict[str, tuple[str, str]]:
        """Return assertions by what is wrong with each: the text, and the reason it must keep."""
        return self.forged() | self.misdirected() | self.untimely() | self.malformed()

    def said(self, **changes: Any) -> dict[str, Any]:
        return claims(self.place, **changes)

    def with_claims(self, **changes: Any) -> str:
        return signed(header(), self.said(**changes))

    def with_header(self, **changes: Any) -> str:
        return signed(header(**changes), self.said(), algorithm="ES256")

    def forged(self) -> dict[str, tuple[str, str]]:
        """Signed by nobody, by a stranger, or with a header that leads astray."""
        said, with_header, good = self.said, self.with_header, self.good
        unsigned = f"{encode(header(alg='none'))}.{encode(said())}."
        public_pem, public_der = RSA.as_pem(private=False), RSA.as_der(private=False)
        tampered = ".".join((good.split(".")[0], encode(said(sub="admin")), good.split(".")[2]))
        return {
            "alg none": (unsigned + "AA", "ASSERTION_ALGORITHM"),
            "alg none, no signature": (unsigned, "ASSERTION_MALFORMED"),
            "alg NONE": (f"{encode(header(alg='NoNe'))}.{encode(said())}.AA", "ASSERTION_ALGORITHM"),
            "HS256 with the public key": (
                maced(header(alg="HS256", kid="rsa"), said(), public_pem),
                "ASSERTION_ALGORITHM",
            ),
            "HS256 with the public key, DER": (maced(header(alg="HS256"), said(), public_der), "ASSERTION_ALGORITHM"),
            "RS256 header, MAC inside": (
                maced(header(alg="RS256", kid="rsa"), said(), public_pem),
                "ASSERTION_SIGNATURE",
            ),
            "no alg": (signed(header(alg=...), said(), algorithm="ES256"), "ASSERTION_ALGORITHM"),
            "alg not a text": (with_header(alg=["ES256"]), "ASSERTION_ALGORITHM"),
            "alg of another key": (signed(header(kid="rsa"), said()), "ASSERTION_KEY"),
            "unknown crit": (with_header(crit=["exp"]), "ASSERTION_HEADER"),
            "empty crit": (with_header(crit=[]), "ASSERTION_HEADER"),
            "b64 false": (with_header(b64=False), "ASSERTION_HEADER"),
            "embedded jwk": (
                signed(header(jwk=STRANGER.as_dict(private=False)), said(), STRANGER),
                "ASSERTION_HEADER",
            ),
            "jku": (signed(header(jku="https://evil.example/keys"), said(), STRANGER), "ASSERTION_HEADER"),
            "x5u": (signed(header(x5u="https://evil.example/cert"), said(), STRANGER), "ASSERTION_HEADER"),
            "x5c": (signed(header(x5c=["MIIB"]), said(), STRANGER), "ASSERTION_HEADER"),
            "unknown kid": (with_header(kid="../../dev/null"), "ASSERTION_KEY"),
            "kid not a text": (with_header(kid=7), "ASSERTION_HEADER"),
            "stranger's key under a known kid": (signed(header(), said(), STRANGER), "ASSERTION_SIGNATURE"),
            "claims changed after signing": (tampered, "ASSERTION_SIGNATURE"),
            "signature cut": (good[:-6], "ASSERTION_SIGNATURE"),
        }

    def misdirected(self) -> dict[str, tuple[str, str]]:
        """Good signatures of the trusted provider, for somebody or something else."""
        with_claims, with_header, place = self.with_claims, self.with_header, self.place
        issuer, resource, client_id = place.issuer, place.resource, place.client_id
        return {
            "no typ": (with_header(typ=...), "ASSERTION_TYPE"),
            "typ JWT": (with_header(typ="JWT"), "ASSERTION_TYPE"),
            "an access token": (with_header(typ="at+jwt"), "ASSERTION_TYPE"),
            "unknown issuer": (with_claims(iss="https://evil.example"), "ASSERTION_ISSUER"),
            "issuer with a slash": (with_claims(iss=f"{IDP}/"), "ASSERTION_ISSUER"),
            "no issuer": (with_claims(iss=...), "ASSERTION_ISSUER"),
            "issuer as a list": (with_claims(iss=[IDP]), "ASSERTION_ISSUER"),
            "another audience": (with_claims(aud="https://other.example"), "ASSERTION_AUDIENCE"),
            "two audiences": (with_claims(aud=[issuer, "https://other.example"]), "ASSERTION_AUDIENCE"),
            "audience with a slash": (with_claims(aud=f"{issuer}/"), "ASSERTION_AUDIENCE"),
            "audience is the token endpoint": (with_claims(aud=f"{issuer}/token"), "ASSERTION_AUDIENCE"),
            "no audience": (with_claims(aud=...), "ASSERTION_AUDIENCE"),
            "another client": (with_claims(client_id="c9"), "ASSERTION_CLIENT"),
            "no client": (with_claims(client_id=...), "ASSERTION_CLIENT"),
            "client as a list": (with_claims(client_id=[client_id]), "ASSERTION_CLIENT"),
            "another resource": (with_claims(resource="https://other.example/mcp"), "ASSERTION_RESOURCE"),
            "two resources": (with_claims(resource=[resource, "https://o.example/mcp"]), "ASSERTION_RESOURCE"),
            "no resource": (with_claims(resource=...), "ASSERTION_RESOURCE"),
        }

    def untimely(self) -> dict[str, tuple[str, str]]:
        """Too early, too late, or with claims that say nothing usable."""
        with_claims, now = self.with_claims, self.place.now
        return {
            "expired": (with_claims(iat=now - 400, exp=now - 60), "ASSERTION_EXPIRED"),
            "no exp": (with_claims(exp=...), "ASSERTION_CLAIM"),
            "exp as a text": (with_claims(exp=str(now + 60)), "ASSERTION_CLAIM"),
            "exp beyond all numbers": (with_claims(exp=10**30), "ASSERTION_CLAIM"),
            "exp true": (with_claims(exp=True), "ASSERTION_CLAIM"),
            "from the future": (with_claims(iat=now + 61, exp=now + 120), "ASSERTION_EARLY"),
            "not yet valid": (with_claims(nbf=now + 61), "ASSERTION_EARLY"),
            "no iat": (with_claims(iat=...), "ASSERTION_CLAIM"),
            "lives too long": (with_claims(exp=now + 301), "ASSERTION_LIFETIME"),
            "lives backwards": (with_claims(iat=now + 50, exp=now + 50), "ASSERTION_LIFETIME"),
            "no jti": (with_claims(jti=...), "ASSERTION_CLAIM"),
            "jti too long": (with_claims(jti="j" * 257), "ASSERTION_CLAIM"),
            "no subject": (with_claims(sub=...), "ASSERTION_SUBJECT"),
            "empty subject": (with_claims(sub=""), "ASSERTION_SUBJECT"),
            "subject with a control character": (with_claims(sub="a\u0000b"), "ASSERTION_SUBJECT"),
            "subject that hides a blank": (with_claims(sub="admin "), "ASSERTION_SUBJECT"),
            "subject too long": (with_claims(sub="s" * 256), "ASSERTION_SUBJECT"),
            "bound to a key": (with_claims(cnf={"jkt": "x"}), "ASSERTION_CONSTRAINED"),
            "rich authorization": (with_claims(authorization_details=[]), "ASSERTION_CONSTRAINED"),
            "scope as a list": (with_claims(scope=["read"]), "ASSERTION_CLAIM"),
        }

    def malformed(self) -> dict[str, tuple[str, str]]:
        """What two parsers would read differently, or not at all."""
        said, with_claims, good = self.said, self.with_claims, self.good
        doubled = f'{{"iss":"{IDP}","iss":"https://evil.example"}}'.encode()
        return {
            "doubled key": (signed(header(), doubled), "ASSERTION_MALFORMED"),
            "claims are a list": (signed(header(), [1]), "ASSERTION_MALFORMED"),
            "too large": (with_claims(pad="p" * 9000), "ASSERTION_MALFORMED"),
            "padding": (good + "=", "ASSERTION_MALFORMED"),
            "blank inside": (good.replace(".", ". ", 1), "ASSERTION_MALFORMED"),
            "JSON serialization": (json.dumps({"payload": encode(said()), "signatures": []}), "ASSERTION_MALFORMED"),
            "five parts": (f"{good}.a.b", "ASSERTION_MALFORMED"),
        }
