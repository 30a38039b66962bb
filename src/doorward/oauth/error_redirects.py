"""Whether an error of the authorization endpoint may take the browser to the client without being asked to.

Anybody can register a client, or describe one, with a web address of their own and then hand out links to this server
that end there: an open redirector. So until somebody here has allowed such a client anything, the person is told where
the way leads and goes there by themselves, or not.

Implements RFC 9700 s4.11.2. Does not know what a page looks like.
"""

from __future__ import annotations

from doorward.oauth.client_presets import CLIENT_PRESETS
from doorward.oauth.records import Client
from doorward.oauth.redirect_uris import matches

_KNOWN = tuple(uri for preset in CLIENT_PRESETS.values() for uri in preset.redirect_uris)


def leads_to_stranger(client: Client, redirect_uri: str) -> bool:
    """Tell whether the redirect URI is a web address that nobody but the client itself has vouched for.

    What an operator registered is trusted, and so are the addresses of well-known clients, clients that somebody here
    has used, and what stays on the person's own machine. Spec: RFC 9700 s4.11.2
    """
    return (
        client.source != "registered"
        and client.used_at is None
        and redirect_uri.startswith("https:")
        and not any(matches(known, redirect_uri) for known in _KNOWN)
    )


def is_silent(prompt: str, fetch_destination: str | None) -> bool:
    """Tell whether the client asked for an answer without a page, in a place where a person would not see one.

    A page that a person has opened is seen, whatever the client asks for; a browser that does not say, or a program,
    gets what it asked for. Spec: OpenID Connect Core s3.1.2.1
    """
    return "none" in prompt.split(" ") and fetch_destination != "document"
