"""Holders of keys who make DPoP proofs, good and bad, with another library than the one that checks them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from itertools import count
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

NUMBERS = count(1)
_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Holder:
    """Somebody with a key of their own."""

    def __init__(self, alg: str = "ES256", key: Any = None) -> None:
        self.alg = alg
        self.key = key or self._generate(alg)
        kind = {"E": ECAlgorithm, "P": RSAAlgorithm, "R": RSAAlgorithm}["R" if alg[0] in "PR" else "E"]
        kind = OKPAlgorithm if alg.startswith("Ed") else kind
        self.private_jwk: dict[str, Any] = kind.to_jwk(self.key, as_dict=True)
        public: dict[str, Any] = kind.to_jwk(self.key.public_key(), as_dict=True)
        self.jwk = {name: public[name] for name in _MEMBERS[public["kty"]]}

    @staticmethod
    def _generate(alg: str) -> Any:
        if alg.startswith("Ed"):
            return ed25519.Ed25519PrivateKey.generate()
        if alg.startswith("ES"):
            return ec.generate_private_key({"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}[alg])
        return rsa.generate_private_key(65537, 2048)

    @property
    def jkt(self) -> str:
        text = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        return base64url(hashlib.sha256(text.encode()).digest())

    def proof(
        self,
        *,
        url: str,
        now: int,
        method: str = "POST",
        access_token: str | None = None,
        header: dict[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """Make a proof; a claim or header member that is changed to None is left out."""
        claims = {"jti": f"proof-{next(NUMBERS)}", "htm": method, "htu": url, "iat": now}
        if access_token is not None:
            claims["ath"] = ath(access_token)
        claims = {name: value for name, value in (claims | changes).items() if value is not None}
        # Only the name of the algorithm is new in RFC 9864, and this library knows the older one.
        members = {"typ": "dpop+jwt", "alg": self.alg, "jwk": self.jwk} | (header or {})
        signed_with = "EdDSA" if self.alg == "Ed25519" else self.alg
        text = ".".join(
            base64url(json.dumps(part).encode())
            for part in ({name: value for name, value in members.items() if value is not None}, claims)
        )
        model = jwt.get_algorithm_by_name(signed_with)
        return f"{text}.{base64url(model.sign(text.encode(), self.key))}"


def ath(access_token: str) -> str:
    return base64url(hashlib.sha256(access_token.encode()).digest())


def respelled(proof: str, *, header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None) -> str:
    """Change parts of a proof and keep its signature."""
    head, payload, signature = proof.split(".")
    parts = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (head, payload)]
    changed = [part | (more or {}) for part, more in zip(parts, (header, claims), strict=True)]
    return ".".join([*(base64url(json.dumps(part).encode()) for part in changed), signature])


def signed_with_secret(holder: Holder, secret: bytes, **arguments: Any) -> str:
    """Sign by HMAC, with something public as the secret: the attack on verifiers that let the header choose."""
    text = holder.proof(header={"alg": "HS256"}, **arguments).rpartition(".")[0]
    return f"{text}.{base64url(hmac.digest(secret, text.encode(), 'sha256'))}"


def unsigned(holder: Holder, **arguments: Any) -> str:
    return holder.proof(header={"alg": "none"}, **arguments).rpartition(".")[0] + "."
