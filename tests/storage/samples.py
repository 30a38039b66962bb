"""Sample records: the least of each kind, and each kind with every field set.

Run as a program, it writes the golden file of each sample that has none yet. A golden file is never rewritten: it
stands for what a release stored, and must load forever.
"""

# ruff: noqa: T201 (what it prints is its result)
from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from doorward.records.accounts import BrowserSession, FailedSignIns, HeaderToken, User
from doorward.records.audit import AuditEntry, AuditHead
from doorward.records.doors import AddedDoor, DoorChanges, DoorExamination, ServedDoor, ServingProcess
from doorward.records.keys import KeyRecord
from doorward.records.kinds import RECORD_TYPES
from doorward.records.oauth import (
    AccessToken,
    AuthorizationCode,
    AuthorizationRequest,
    Client,
    Consent,
    DeviceAuthorization,
    Grant,
    PushedRequest,
    RefreshToken,
    RegisteredContent,
    RegistrationSlot,
    SeenAssertion,
    SeenProof,
)
from doorward.records.record import Record

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "records"
RESOURCE = "https://mcp.example.com/mcp"
NOW = 1_800_000_000

_LEAST: dict[type[Record], dict[str, Any]] = {
    Client: {"source": "dynamic", "created_at": NOW},
    User: {"created_at": NOW},
    BrowserSession: {"created_at": NOW},
    AuthorizationRequest: {
        "browser_digest": "browser",
        "client_id": "client",
        "redirect_uri": "http://127.0.0.1/callback",
        "code_challenge": "challenge",
        "scopes": ("mcp",),
        "resource": RESOURCE,
        "created_at": NOW,
    },
    Grant: {
        "user_id": "owner",
        "client_id": "client",
        "redirect_uri": "http://127.0.0.1/callback",
        "scopes": ("mcp",),
        "resource": RESOURCE,
        "created_at": NOW,
    },
    AuthorizationCode: {
        "grant_id": "grant",
        "client_id": "client",
        "user_id": "owner",
        "redirect_uri": "http://127.0.0.1/callback",
        "code_challenge": "challenge",
        "scopes": ("mcp",),
        "resource": RESOURCE,
        "created_at": NOW,
    },
    RefreshToken: {
        "grant_id": "grant",
        "client_id": "client",
        "user_id": "owner",
        "scopes": ("mcp",),
        "resource": RESOURCE,
        "created_at": NOW,
    },
    AccessToken: {
        "grant_id": "grant",
        "client_id": "client",
        "user_id": "owner",
        "scopes": ("mcp",),
        "resource": RESOURCE,
        "created_at": NOW,
    },
    HeaderToken: {"token_id": "token", "name": "ci", "user_id": "owner", "scopes": (), "created_at": NOW},
    PushedRequest: {"client_id": "client", "parameters": {"state": "xyz"}, "created_at": NOW},
    SeenProof: {"minute": "30000001"},
    SeenAssertion: {"created_at": NOW},
    DeviceAuthorization: {
        "device_digest": "device",
        "client_id": "client",
        "scopes": ("mcp",),
        "resource": RESOURCE,
        "created_at": NOW,
        "interval_seconds": 5,
    },
    Consent: {
        "user_id": "owner",
        "client_id": "client",
        "redirect_uri": "http://127.0.0.1/callback",
        "resource": RESOURCE,
        "scopes": ("mcp",),
        "description_digest": "description",
        "created_at": NOW,
        "given_at": NOW + 1,
    },
    FailedSignIns: {},
    RegisteredContent: {"client_id": "client"},
    RegistrationSlot: {"client_id": "client", "taken_at": NOW},
    AuditEntry: {"page": "0", "at": NOW, "event": "signed_in"},
    AuditHead: {"number": 7, "hash": "digest"},
    DoorExamination: {"url": RESOURCE, "examined_at": NOW, "report": b"{}"},
    AddedDoor: {"settings": b'{"target":"http://127.0.0.1:9/mcp"}', "added_at": NOW, "change": 3},
    DoorChanges: {"number": 3},
    ServingProcess: {"change": 3},
    KeyRecord: {"use": "signing", "created_at": NOW, "active_at": NOW + 60, "sealed_key": b"\x01\x00\xff"},
}

_REST: dict[type[Record], dict[str, Any]] = {
    Client: {
        "expires_at": NOW + 1,
        "source": "registered",
        "client_name": "Büro – 窓口",
        "redirect_uris": ("https://claude.ai/api/mcp/auth_callback", "cursor://anysphere.cursor-mcp/oauth"),
        "grant_types": ("refresh_token",),
        "response_types": (),
        "token_endpoint_auth_method": "client_secret_basic",
        "secret_digest": "digest",
        "scope": "mcp other",
        "application_type": "native",
        "metadata": {"client_uri": "https://claude.ai", "client_name#de": "Tür"},
    },
    User: {"expires_at": NOW + 2, "user_kind": "service", "password_hash": "$argon2id$v=19$x", "disabled_at": NOW + 3},
    BrowserSession: {"expires_at": NOW + 4, "user_id": "owner", "signed_in_at": NOW + 5},
    AuthorizationRequest: {
        "expires_at": NOW + 6,
        "redirect_uri_given": False,
        "state": "xyz",
        "user_id": "owner",
        "finished_at": NOW + 7,
    },
    Grant: {"expires_at": NOW + 8, "revoked_at": NOW + 9, "revoked_reason": "by the user"},
    AuthorizationCode: {
        "expires_at": NOW + 10,
        "redirect_uri_given": False,
        "redeemed_at": NOW + 11,
        "sealed_reply": b"\x01\x00\xff",
    },
    RefreshToken: {
        "expires_at": NOW + 12,
        "predecessor_digest": "before",
        "rotated_at": NOW + 13,
        "sealed_reply": b"\x01\x00\xff",
    },
    AccessToken: {"expires_at": NOW + 14},
    HeaderToken: {"expires_at": NOW + 15, "last_used_at": NOW + 16},
    PushedRequest: {"expires_at": NOW + 17},
    SeenProof: {"expires_at": NOW + 18},
    SeenAssertion: {"expires_at": NOW + 17},
    DeviceAuthorization: {
        "expires_at": NOW + 18,
        "polled_at": NOW + 19,
        "finished_at": NOW + 20,
        "user_id": "owner",
        "grant_id": "grant",
        "redeemed_at": NOW + 21,
        "sealed_reply": b"\x01\x00\xff",
    },
    Consent: {"expires_at": NOW + 30, "grant_ids": ("one", "two")},
    FailedSignIns: {"expires_at": NOW + 31, "failures": 6, "blocked_until": NOW + 32, "succeeded_at": NOW + 33},
    RegisteredContent: {"expires_at": NOW + 42},
    RegistrationSlot: {"expires_at": NOW + 43},
    AuditEntry: {
        "expires_at": NOW + 44,
        "outcome": "refused",
        "reason": "unknown_code",
        "actor": "user:owner",
        "client_id": "client",
        "grant_id": "grant",
        "address": "192.0.2.1",
        "request_id": "request",
        "detail": {"path": "/token"},
        "hash": "digest",
    },
    AuditHead: {"expires_at": NOW + 45},
    KeyRecord: {"expires_at": NOW + 46},
    DoorExamination: {"expires_at": NOW + 47},
    AddedDoor: {"expires_at": NOW + 49},
    DoorChanges: {"expires_at": NOW + 50},
    ServingProcess: {
        "expires_at": NOW + 51,
        "doors": (
            ServedDoor(
                name="time",
                url=RESOURCE,
                source="command",
                auth="oauth",
                target="http://127.0.0.1:9/mcp",
                state="failed",
                reason="down",
            ),
        ),
    },
}

_LATER: dict[str, tuple[type[Record], dict[str, Any]]] = {
    "access_token.bound": (AccessToken, {"dpop_jkt": "thumbprint"}),
    "refresh_token.bound": (RefreshToken, {"dpop_jkt": "thumbprint"}),
    "authorization_code.bound": (AuthorizationCode, {"dpop_jkt": "thumbprint"}),
    "authorization_request.own_navigation": (AuthorizationRequest, {"is_own_navigation": True}),
    "authorization_request.bound": (AuthorizationRequest, {"dpop_jkt": "thumbprint"}),
    "authorization_request.flow": (AuthorizationRequest, {"flow_digest": "digest"}),
    "authorization_request.terms": (AuthorizationRequest, {"client_terms": "digest"}),
    "authorization_code.terms": (AuthorizationCode, {"client_terms": "digest"}),
    "client.metadata_document": (
        Client,
        {
            "source": "metadata_document",
            "token_endpoint_auth_method": "private_key_jwt",
            "used_at": NOW + 40,
            "jwks": '{"keys":[]}',
            "jwks_uri": "https://client.example/jwks.json",
            "management_digest": "digest",
            "fresh_until": NOW + 41,
        },
    ),
    "header_token.administration": (HeaderToken, {"capabilities": ("admin:read", "admin:clients")}),
    "client.resource_server": (Client, {"may_introspect": True, "dpop_bound_access_tokens": True}),
    "access_token.exchanged": (AccessToken, {"act": ("agent", "client")}),
    "client.service": (Client, {"service_user_id": "robot", "may_exchange": True}),
    "client.rotated": (
        Client,
        {"secret_digest": "digest", "earlier_secret_digest": "before", "earlier_secret_until": NOW + 48},
    ),
    "client.declared": (Client, {"is_declared": True}),
    "header_token.of_a_door": (HeaderToken, {"door": "time"}),
    "grant.service": (Grant, {"grant_type": "client_credentials"}),
    "failed_sign_ins.open": (FailedSignIns, {"open_tries": {"0011223344556677": NOW + 47}}),
    "browser_session.tabs": (BrowserSession, {"earlier_digests": ("before", "first")}),
    "user.identity": (User, {"identity_issuer": "https://idp.example", "identity_subject": "00u1"}),
}
"""Fields that kinds got after their first golden files were written, each set in a file of its own."""


def least(record_type: type[Record], key: str = "key", **fields: Any) -> Any:
    """Return a record with its required fields only, and those given."""
    return record_type(**{**_LEAST[record_type], record_type.key_field: key, **fields})


def full(record_type: type[Record], key: str = "key") -> Any:
    """Return a record with every field set to something else than its default."""
    return least(record_type, key, **_REST[record_type])


def golden_samples() -> dict[str, Record]:
    """Return each sample by the name of its golden file."""
    first = {
        f"{record_type.kind}.{make.__name__}.msgpack": make(record_type)
        for record_type in RECORD_TYPES
        for make in (least, full)
    }
    later = {f"{name}.msgpack": least(record_type, **fields) for name, (record_type, fields) in _LATER.items()}
    return first | later


if __name__ == "__main__":
    for name, record in golden_samples().items():
        path = GOLDEN / name
        if not path.exists():
            path.write_bytes(msgspec.msgpack.encode(record))
            print(f"wrote {path}")
