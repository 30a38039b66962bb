"""Whether an authorization response may redirect the browser to the client without a further click.

Anyone can register a client with an address of their own, and hand out links to this server that end there. The end can
be a web page (open redirector), or a local program started with an attacker's arguments. So until a user here has let a
response of this client go to this exact address, the person sees the address first and decides. Trust belongs to an
address, never to a client, because a client can change its addresses.

Implements RFC 9700 s4.11.2. Does not know what a page looks like.
"""

from __future__ import annotations

from doorward.oauth.clients.app_schemes import is_callback_of_known_client
from doorward.oauth.clients.presets import CLIENT_PRESETS
from doorward.oauth.clients.redirect_uris import matches
from doorward.oauth.uris import DEFAULT_PORTS, parse
from doorward.records.oauth import Client

_KNOWN = tuple(uri for preset in CLIENT_PRESETS.values() for uri in preset.redirect_uris)


def may_go_unasked(client: Client, redirect_uri: str) -> bool:
    """Return whether an error may be redirected although no person has seen a page.

    Trusted are redirect URIs that an operator registered, the exact addresses of well-known clients, web addresses that
    a user here has approved for this client, and the person's own machine. Spec: RFC 9700 s4.11.2
    """
    parsed = parse(redirect_uri)
    return (
        client.source == "registered"
        or (parsed.scheme in DEFAULT_PORTS and parsed.names_this_machine)
        or redirect_uri in client.used_redirect_uris
        or any(matches(known, redirect_uri) for known in _KNOWN)
    )


def may_answer_at_once(client: Client, redirect_uri: str) -> bool:
    """Return whether the response may be redirected after the person has read the address and pressed a button.

    Under a scheme that no well-known client has, the address may be a command to any program of the device. Starting
    one takes a click on a link that says so.
    """
    parsed = parse(redirect_uri)
    return parsed.scheme in DEFAULT_PORTS or is_callback_of_known_client(parsed) or may_go_unasked(client, redirect_uri)


def is_silent(prompt: str, fetch_destination: str | None, redirect_uri: str) -> bool:
    """Return whether the client asked for a response without a page, where a person would not see one.

    A page that a person opened is seen, whatever the client asks for. A program, or a browser that does not send
    `Sec-Fetch-Dest`, gets what it asked for. A frame never starts a program of the device.
    Spec: OpenID Connect Core s3.1.2.1
    """
    is_web = parse(redirect_uri).scheme in DEFAULT_PORTS
    return is_web and "none" in prompt.split(" ") and fetch_destination != "document"
