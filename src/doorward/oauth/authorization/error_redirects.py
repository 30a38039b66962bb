"""Whether an answer of the authorization endpoint may take the browser to the client without a further click.

Anybody can register a client, or describe one, with an address of their own and then hand out links to this server that
end there: at a web page (an open redirector), or at a program that the link starts with words of theirs. So until
somebody here has let an answer of this client go to this very address, the person reads where the way leads and goes
there or not. Trust is in an address, never in a client, because a client can change its addresses.

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
    """Tell whether an error may be redirected although no person has seen a page.

    Trusted are what an operator registered, the exact addresses of well-known clients, web addresses that somebody here
    has let this client use, and what stays on the person's own machine. Spec: RFC 9700 s4.11.2
    """
    parsed = parse(redirect_uri)
    return (
        client.source == "registered"
        or (parsed.scheme in DEFAULT_PORTS and parsed.is_loopback)
        or redirect_uri in client.used_redirect_uris
        or any(matches(known, redirect_uri) for known in _KNOWN)
    )


def may_answer_at_once(client: Client, redirect_uri: str) -> bool:
    """Tell whether the answer to the question may be redirected: the person has read the address and pressed a button.

    Under a scheme that no well-known client has, the address may be a command to any program of the device, so starting
    it takes a click on a link that says so.
    """
    parsed = parse(redirect_uri)
    return parsed.scheme in DEFAULT_PORTS or is_callback_of_known_client(parsed) or may_go_unasked(client, redirect_uri)


def is_silent(prompt: str, fetch_destination: str | None, redirect_uri: str) -> bool:
    """Tell whether the client asked for an answer without a page, in a place where a person would not see one.

    A page that a person has opened is seen, whatever the client asks for; a browser that does not say, or a program,
    gets what it asked for. A frame is no reason to start a program of the device.

    Spec: OpenID Connect Core s3.1.2.1
    """
    is_web = parse(redirect_uri).scheme in DEFAULT_PORTS
    return is_web and "none" in prompt.split(" ") and fetch_destination != "document"
