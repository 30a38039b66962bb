"""DPoP: a proof that the sender of this request holds the key that its token is bound to.

The proof is a JWT that carries its own public key. It counts for one method and one URL, for a minute, once. The key
proves nothing by itself; it must be the one the token is bound to. Each check has its own reason.

Implements RFC 9449 s4.2, s4.3, s8 and s11.1, RFC 7638 s3 (thumbprint). Does not know which proofs were seen before, nor
what is bound to the key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

import msgspec

from doorward import base64url
from doorward.oauth.compact_jws import is_signed, read_compact
from doorward.oauth.errors import InvalidDpopProof, Reason
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.reply import Sealing
from doorward.oauth.uris import InvalidUri, parse_http
from doorward.records.oauth import Client, SeenProof

ALGORITHMS = ("ES256", "ES384", "PS256", "RS256", "EdDSA", "Ed25519")
"""Signatures only: with a MAC the verifier would hold the secret too, and `none` proves nothing."""

_JTI_LIMIT_CHARS = 256
_NONCE_LIMIT_CHARS = 256
_NONCE_CONTEXT = b"dpop nonce"
_SECONDS_BYTES = 8
_RSA_BITS = range(2048, 4097)
_RSA_EXPONENT_LIMIT_CHARS = 6
"""32 bits in base64url: a longer exponent only makes verification expensive."""

_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_PUBLIC_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
_KEY_OF_ALGORITHM = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "PS256": ("RSA", None),
    "RS256": ("RSA", None),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof whose signature, target, time and token are right; replay is not checked yet."""

    jkt: str
    """Thumbprint of its key."""
    jti: str
    issued_at: int
    nonce: str | None


def check_proof(
    proof: str, *, method: str, urls: frozenset[str], now: int, policy: Policy, access_token: str | None = None
) -> Proof:
    """Check everything that the proof itself can show.

    `urls` are the canonical spellings of the requested URL. If `access_token` is given, the proof must name it.

    Raises:
        InvalidDpopProof: with the reason of the first check that fails.

    Spec: RFC 9449 s4.3
    """
    jws = read_compact(proof)
    if jws is None:
        raise InvalidDpopProof("The DPoP proof is not a signed JWT.", Reason.MALFORMED_PROOF)
    payload = jws.claims
    jwk = _checked_header(jws.header)
    if not is_signed(jws, jwk, str(jws.header["alg"])):
        raise InvalidDpopProof("The signature of the DPoP proof is wrong.", Reason.PROOF_SIGNATURE)
    if payload.get("htm") != method:
        raise InvalidDpopProof("The DPoP proof is for another method.", Reason.PROOF_TARGET)
    if target(payload.get("htu")) not in urls:
        raise InvalidDpopProof("The DPoP proof is for another address.", Reason.PROOF_TARGET)
    issued_at = _issued_at(payload.get("iat"), now=now, policy=policy)
    if access_token is not None:
        _check_token_hash(payload.get("ath"), access_token)
    jti, nonce = payload.get("jti"), payload.get("nonce")
    if not isinstance(jti, str) or not 0 < len(jti) <= _JTI_LIMIT_CHARS:
        raise InvalidDpopProof("The DPoP proof has no usable jti.", Reason.MALFORMED_PROOF)
    if nonce is not None and not isinstance(nonce, str):
        raise InvalidDpopProof("The nonce of the DPoP proof is not a string.", Reason.MALFORMED_PROOF)
    return Proof(thumbprint(jwk), jti, issued_at, nonce)


def require_proof(client: Client, jkt: str | None, *, policy: Policy) -> None:
    """Check that a token request without a proof comes from a client that gets bearer tokens here.

    Raises:
        InvalidDpopProof: a proof is required and missing.

    Spec: RFC 9449 s5.2
    """
    if jkt is None and (policy.require_dpop or client.dpop_bound_access_tokens):
        raise InvalidDpopProof("Tokens are bound to a key here: send a DPoP proof.", Reason.MISSING_PROOF)


def target(url: object) -> str | None:
    """Return the canonical spelling of a URL for comparing proofs; its query and fragment do not count.

    Spec: RFC 9449 s4.3 (9), RFC 3986 s6.2
    """
    if not isinstance(url, str):
        return None
    try:
        parsed = parse_http(url, fragment_allowed=True)
    except InvalidUri:
        return None
    return parsed.origin + (parsed.path or "/")


def seen(proof: Proof, *, policy: Policy) -> SeenProof:
    """Return the record that prevents a replay; the first request that inserts it consumes the proof."""
    expires_at = proof.issued_at + policy.dpop_proof_seconds + 1
    digest = sha256(f"{proof.jkt}\n{proof.jti}".encode()).hexdigest()
    return SeenProof(proof_digest=digest, expires_at=expires_at, minute=str(expires_at // 60))


def make_nonce(sealing: Sealing, *, now: int) -> str:
    """Return a nonce that any node can verify without storing it. Spec: RFC 9449 s8."""
    sealed = sealing.seal(now.to_bytes(_SECONDS_BYTES, "big"), _NONCE_CONTEXT)
    return base64url.encode(sealed)


def nonce_age_seconds(nonce: str, sealing: Sealing, *, now: int) -> int | None:
    """Return the age of a nonce that we made; None if we did not make it."""
    sealed = base64url.decode(nonce) if len(nonce) <= _NONCE_LIMIT_CHARS else b""
    made_at = sealing.unseal(sealed, _NONCE_CONTEXT) if sealed else None
    return None if made_at is None else now - int.from_bytes(made_at, "big")


def thumbprint(jwk: dict[str, str]) -> str:
    """Return the SHA-256 thumbprint of a public key. Spec: RFC 7638 s3."""
    members = {name: jwk[name] for name in _PUBLIC_MEMBERS[jwk["kty"]]}
    return base64url.encode(sha256(msgspec.json.encode(members)).digest())


def is_thumbprint(value: str) -> bool:
    """Return whether the string could be a SHA-256 thumbprint."""
    return _THUMBPRINT(value) is not None


def _checked_header(header: Mapping[str, object]) -> dict[str, str]:
    """Return the public key of the proof, reduced to its required members."""
    if header.get("typ") != "dpop+jwt" or "crit" in header:
        raise InvalidDpopProof("The typ of the DPoP proof must be dpop+jwt.", Reason.MALFORMED_PROOF)
    wanted = _KEY_OF_ALGORITHM.get(str(header.get("alg")))
    if wanted is None:
        raise InvalidDpopProof(
            f"The alg of the DPoP proof must be one of {' '.join(ALGORITHMS)}.", Reason.PROOF_ALGORITHM
        )
    jwk = header.get("jwk")
    if not isinstance(jwk, dict) or _PRIVATE_MEMBERS & jwk.keys():
        raise InvalidDpopProof("The DPoP proof must carry its public key, and no private one.", Reason.PROOF_KEY)
    kty, curve = wanted
    if jwk.get("kty") != kty or (curve is not None and jwk.get("crv") != curve):
        raise InvalidDpopProof("The key of the DPoP proof does not fit its alg.", Reason.PROOF_KEY)
    members = {name: jwk.get(name) for name in _PUBLIC_MEMBERS[kty]}
    public = {name: value for name, value in members.items() if isinstance(value, str) and value}
    values = {name: public.get(name, "") for name in members if name not in {"kty", "crv"}}
    if any(not base64url.decode(value) for value in values.values()) or _is_costly(public):
        raise InvalidDpopProof("The key of the DPoP proof is malformed.", Reason.PROOF_KEY)
    return public


def _is_costly(jwk: dict[str, str]) -> bool:
    if jwk["kty"] != "RSA":
        return False
    modulus = int.from_bytes(base64url.decode(jwk["n"]), "big")
    return modulus.bit_length() not in _RSA_BITS or len(jwk["e"]) > _RSA_EXPONENT_LIMIT_CHARS


def _issued_at(value: object, *, now: int, policy: Policy) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidDpopProof("The DPoP proof has no usable iat.", Reason.MALFORMED_PROOF)
    # Reject the future too: a proof made in advance could be used long after it was stolen.
    if not now - policy.dpop_proof_seconds <= value <= now + policy.dpop_proof_seconds:
        raise InvalidDpopProof(
            "The DPoP proof is too old, or from a clock that is ahead. Check the clock.", Reason.PROOF_TIME
        )
    return int(value)


def _check_token_hash(value: object, access_token: str) -> None:
    expected = base64url.encode(sha256(access_token.encode()).digest())
    if not isinstance(value, str) or not compare_digest(value.encode(), expected.encode()):
        raise InvalidDpopProof("The DPoP proof is not for this access token.", Reason.PROOF_TOKEN)
