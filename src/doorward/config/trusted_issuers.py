"""Parses the tables `[[trusted_issuers]]` of a settings file.

Nothing is fetched here; keys in the file must be public ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from doorward.config.faults import Fault, shown, suggestion
from doorward.oauth.clients.keys import Key, read_jwks, stored_keys
from doorward.oauth.errors import OAuthError
from doorward.oauth.trusted_issuers import TrustedIssuer
from doorward.oauth.uris import InvalidUri, parse_http

KEYS = ("issuer", "jwks_uri", "jwks", "clients", "scopes", "create_users")


def trusted_issuers(value: Any) -> tuple[TrustedIssuer, ...]:
    """Return the issuers in the order of the file.

    Raises:
        Fault: names the first mistake.
    """
    tables = value if isinstance(value, list | tuple) else [value]
    issuers = tuple(each if isinstance(each, TrustedIssuer) else _issuer(each) for each in tables)
    names = [each.issuer for each in issuers]
    for name in names:
        if names.count(name) > 1:
            raise Fault(f"{shown(name)} is there twice", "", "Write one table for each issuer.")
    return issuers


def _issuer(table: Any) -> TrustedIssuer:
    if not isinstance(table, Mapping):
        raise Fault(
            f"{shown(table)} is not a table", "", 'Write [[trusted_issuers]] and below it issuer = "https://..."'
        )
    for key in table:
        if key not in KEYS:
            near = suggestion(str(key), KEYS)
            raise Fault(f"{shown(key)} is not a key of a trusted issuer", "", f"Did you mean {near}?" if near else "")
    issuer = _url(table, "issuer")
    if ("jwks_uri" in table) == ("jwks" in table):
        raise Fault(
            f"{issuer} has not exactly one of jwks_uri and jwks",
            "Its word counts only when its signature can be checked.",
            "Name the address of its keys, or write the keys down.",
        )
    return TrustedIssuer(
        issuer=issuer,
        jwks_uri=_url(table, "jwks_uri") if "jwks_uri" in table else None,
        keys=_keys(table["jwks"]) if "jwks" in table else (),
        clients=_texts(table, "clients"),
        scopes=_texts(table, "scopes"),
        create_users=_switch(table),
    )


def _url(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    try:
        parsed = parse_http(value if isinstance(value, str) else "")
    except InvalidUri as error:
        raise Fault(f"{key} of a trusted issuer is not an address: {shown(value)}", str(error)) from None
    if parsed.scheme != "https" and not parsed.is_plain_loopback:
        raise Fault(f"{shown(value)} is not https", "Anyone on the way there could pose as any user.")
    assert isinstance(value, str)
    return value


def _keys(value: Any) -> tuple[Key, ...]:
    try:
        return stored_keys(read_jwks(value))
    except OAuthError as error:
        raise Fault("jwks of a trusted issuer cannot be used", error.description) from None


def _texts(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, ())
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) and each for each in value):
        raise Fault(f"{key} of a trusted issuer is not a list of strings", "", f'Write {key} = ["one", "two"]')
    return tuple(value)


def _switch(table: Mapping[str, Any]) -> bool:
    value = table.get("create_users", True)
    if not isinstance(value, bool):
        raise Fault("create_users of a trusted issuer is not true or false", "", "Write create_users = false")
    return value
