"""What an attacker may try, a row each: from sign-in, consent and tokens to outgoing requests, the door and framing.

Every row has a test that carries its id, and a weak twin: a door without that one defence, at which the same attack
must be noticed. `test_rows.py` holds both. A row that is added here fails until it has them.
"""

from __future__ import annotations

SIGN_IN = {
    "A-01": "a redirect URI that only resembles the registered one",
    "A-02": "an error that is redirected before the client is known",
    "A-03": "a redirect URI that is a script or a file",
    "A-04": "PKCE left out, weakened, or answered wrongly",
    "A-05": "a code that is used twice, in turn or at once",
    "A-06": "a code that was made up, or another client's, to end somebody's grant",
    "A-07": "a stolen code at another client, redirect URI or resource",
    "A-08": "a spent code at another process or after a restart",
    "A-09": "answers that do not say which server gave them",
    "A-10": "a parameter that is sent twice",
    "A-11": "codes and tokens in caches, referrers and forwarded forms",
    "A-12": "a code before the sign-in is finished",
    "A-13": "a local program in the place of a known client",
}
CONSENT = {
    "B-01": "a stranger's client that rides on what was allowed to another",
    "B-02": "a sign-in that is finished in another browser",
    "B-03": "a remembered consent, set off by another site",
    "B-04": "a consent that nobody gave",
    "B-05": "markup in what a client says about itself",
    "B-06": "a client that looks like another one",
    "B-07": "a page in a frame",
    "B-08": "a cookie planted before the sign-in",
    "B-09": "an old or used sign-in",
    "B-10": "a forged or misdirected assertion of a provider",
    "B-11": "a person who takes another's name",
    "B-12": "one of our own pages as redirect URI",
    "B-13": "an account that has ended, and what it left behind",
    "B-14": "a form whose hidden fields were changed",
}
TOKENS = {
    "T-01": "a spent refresh token, after the window",
    "T-02": "one refresh token in many hands at the same moment",
    "T-03": "a spent or revoked token after a restart",
    "T-04": "a refresh with more scope, at another client or resource",
    "T-05": "client authentication that is left out or sent in another way",
    "T-06": "a stranger who revokes",
    "T-07": "introspection by whoever asks",
    "T-08": "a store that is read, or compared with byte by byte",
    "T-09": "guessing",
    "T-10": "bodies of every wrong kind",
    "T-11": "grants that nobody meant to serve",
}
REGISTRATION = {
    "R-01": "a flood of registrations",
    "R-02": "a registration that costs much",
    "R-03": "a registration that hands out another's secrets",
    "R-04": "a client id of one's own choice",
    "R-05": "URLs in a registration that the server then asks for",
    "R-06": "a client id that leads inside",
    "R-07": "a metadata document that lies",
    "R-08": "a metadata document that changes after the consent",
    "R-09": "client ids that make the server hammer somebody's host",
    "R-10": "another client's registration read, replaced or removed",
    "R-11": "members whose names only look alike, or come twice",
}
OUTGOING = {
    "S-01": "an inner address in any spelling",
    "S-02": "a name that changes between check and use",
    "S-03": "a redirect to the inside",
    "S-04": "a URL that two parsers read differently",
    "S-05": "credentials that follow a redirect",
    "S-06": "proxies, netrc and cookies of the environment",
    "S-07": "an id that leads out of its place in a path",
    "S-08": "a host that never ends, or sends too much",
    "S-09": "a server's words that reach a terminal or a shell",
    "S-10": "a web page that talks to a helper on the same machine",
}
DOOR = {
    "U-01": "a token that was made for another server",
    "U-02": "broken credentials, and a store that is broken",
    "U-03": "spellings of the path",
    "U-04": "a token in the query or the body",
    "U-05": "a tool that the token's scopes do not cover",
    "U-06": "mirrored headers that lie",
    "U-07": "JSON that two parsers read differently",
    "U-08": "a token that lives on after it was revoked",
    "U-09": "input that costs more than its size warrants",
    "U-10": "a crawl without any token",
}
FRAMING = {
    "H-04": "bytes that a proxy, the door and the server read as different messages",
}
ROWS = {**SIGN_IN, **CONSENT, **TOKENS, **REGISTRATION, **OUTGOING, **DOOR, **FRAMING}
