"""The canonical spelling of the public URL, from which issuer, resource and all published URLs are derived.

Clients reject metadata that differs by one slash. So the spelling is fixed here, once: lower-case scheme and host, no
default port, no last slash. Plain `http` only on the user's own machine.

Implements the URI rules of RFC 8414 s2, RFC 9728 s1.2 and RFC 3986 s6.2.3. Does not know who is asking.
"""

from __future__ import annotations

from doorward.oauth.uris import Uri, parse_http


def canonical_origin(url: str) -> str:
    """Return scheme, host and port in canonical spelling.

    Raises:
        ValueError: the message is a sentence for the operator.
    """
    parsed = _parse(url)
    if parsed.path not in ("", "/"):
        raise ValueError("Give the origin only, such as https://mcp.example.com.")
    return parsed.origin


def _parse(url: str) -> Uri:
    try:
        parsed = parse_http(url)
    except ValueError as error:
        raise ValueError(f"The public URL cannot be used. {error}") from None
    if parsed.query is not None:
        raise ValueError("The public URL must not have a query.")
    if parsed.scheme.lower() == "http" and not parsed.is_plain_loopback:
        raise ValueError("The public URL must be https; http is accepted for a loopback address only.")
    return parsed
