"""Every numbered requirement that a test demonstrates, by id. Tests carry `@pytest.mark.requirement(id)`.

Further ones, which name the tests that show them, are in `requirements_kept`, `_of_peers` and `_of_servers`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Requirement:
    """One behaviour, and where it is asked for."""

    id: str
    text: str
    spec: str
    shown_by: tuple[str, ...] = ()
    """Tests that show it without carrying its id, as file and function."""


REQUIREMENTS: tuple[Requirement, ...] = (
    Requirement("S-01", "No spelling of an inner address is reached by an outgoing request.", "RFC 6890 s2.2"),
    Requirement("S-02", "A name that changes between check and use gains nothing.", "attack S-02"),
    Requirement("S-03", "An outgoing request follows no redirect.", "attack S-03"),
    Requirement("S-04", "The host that is checked is the host that is connected to.", "RFC 3986 s3.2.2"),
    Requirement("S-06", "Proxy variables, netrc and cookies never take part in an outgoing request.", "attack S-06"),
    Requirement("S-08", "A hostile host is left within the limits of time and size.", "attack S-08"),
    Requirement("S-09", "What a server says reaches a terminal as text, and a shell never.", "attack S-09"),
    Requirement(
        "H-04",
        "Behind any proxy, each request gets one answer and its own; what is framed wrongly ends its connection.",
        "attack H-04; RFC 9112 s11.2",
    ),
    Requirement("S-10", "A check opens no port that a web page could talk to.", "attack S-10"),
    Requirement("R-09", "No host is asked more than a few times a minute on behalf of strangers.", "attack R-09"),
    Requirement("R4", "A missing scope is 403 and names every scope of the operation at once.", "RFC 6750 s3.1"),
    Requirement("U-05", "No spelling of a call gets around the scopes of its tool.", "attack U-05"),
    Requirement(
        "A-CC",
        "A client bound to a service account gets access tokens with its own credentials, and nothing to refresh.",
        "RFC 6749 s4.4; MCP oauth-client-credentials",
    ),
    Requirement("TX-01", "A token is exchanged only for a weaker one of the same user and door.", "RFC 8693 s2"),
    Requirement("TX-02", "An exchanged token never outlives its subject.", "RFC 8693 s2.2"),
    Requirement("TX-03", "Whoever acts for the user is recorded as `act`.", "RFC 8693 s4.1"),
    Requirement("T-04", "No grant is used by another client, with more scope or for another resource.", "RFC 6749 s6"),
    Requirement("T-05", "No grant is used without the registered client authentication.", "RFC 6749 s2.3"),
    Requirement("T-11", "Of all registered grants only the advertised ones are answered.", "RFC 6749 s5.2"),
    Requirement(
        "EMA-01",
        "An identity assertion is taken only from a trusted issuer, for this client, server and door, and once.",
        "MCP enterprise-managed-authorization; RFC 7523 s3",
    ),
    Requirement("B-10", "A forged or misdirected assertion is refused; the log has its reason only.", "attack B-10"),
    Requirement("B-11", "A person is named by issuer and subject together, and by nothing else.", "attack B-11"),
    Requirement(
        "RFC8628-3.5", "A device is answered as the user decides, at the pace it was told, and once.", "RFC 8628 s3.5"
    ),
    Requirement("T-07", "Introspection answers nobody who has not proved who they are.", "RFC 7662 s2.1"),
    Requirement("T-10", "An odd body gets a 4xx with a JSON error, and a large one is not read.", "attack T-10"),
    Requirement("A17", "A client learns about its own tokens, a resource server about all.", "RFC 7662 s2.2"),
    Requirement("RFC9701-5", "An answer about a token can be had signed, and never passes for a token.", "RFC 9701 s5"),
    Requirement("RFC9068-2.2", "An access token that is a JWT verifies with the published keys.", "RFC 9068 s2.2"),
    Requirement("RFC7517-5", "The key set publishes the public half of every signing key.", "RFC 7517 s5"),
    Requirement("RFC9126-2", "Pushed parameters pass every check that parameters in the query pass.", "RFC 9126 s2"),
    Requirement("RFC9126-4", "A reference to a pushed request serves one client, once, for a minute.", "RFC 9126 s4"),
    Requirement("RFC9449-4.3", "A proof with any fault is refused for it.", "RFC 9449 s4.3"),
    Requirement(
        "RFC9449-5", "What is bound to a key is redeemed, refreshed and used with that key only.", "RFC 9449 s5"
    ),
    Requirement(
        "RFC9449-7", "A token that is bound to a key is no bearer token, and none that is not is DPoP.", "RFC 9449 s7"
    ),
    Requirement(
        "RFC9449-8", "A proof without a fresh nonce is sent back with one, where nonces are asked for.", "RFC 9449 s8"
    ),
    Requirement("RFC9449-11.1", "A proof counts once, whichever node it is sent to.", "RFC 9449 s11.1"),
    Requirement(
        "UP-ID", "An upstream that asks for it is told who is calling, in words that it can verify.", "RFC 9068 s2"
    ),
    Requirement("B-01", "A stranger's client gets no code without a screen, whatever was allowed.", "attack B-01"),
    Requirement("B-02", "A sign-in can be continued only in the browser that began it.", "attack B-02"),
    Requirement("B-03", "Remembered consent does not count when another site opened the sign-in.", "attack B-03"),
    Requirement("B-04", "A forged consent grants nothing.", "attack B-04"),
    Requirement("B-05", "What a client says about itself never runs on a page.", "attack B-05"),
    Requirement("B-06", "A client cannot look like another one.", "attack B-06"),
    Requirement("B-07", "No page can be framed.", "attack B-07"),
    Requirement("B-08", "The browser's cookie is a new one after sign-in.", "attack B-08"),
    Requirement("B-09", "A sign-in is answered once and within ten minutes.", "attack B-09"),
    Requirement("B-12", "No client may name a page of ours as its redirect URI.", "attack B-12"),
    Requirement("B-13", "A user who is switched off has no session, no grant and no token left.", "attack B-13"),
    Requirement("B-14", "The stored request decides, not the fields of the form.", "attack B-14"),
    Requirement("X1", "Consent is per user, client, redirect URI and scope, and can be withdrawn.", "MCP security X1"),
    Requirement("A15", "A client whose description changed is consented to again.", "MCP authorization A15"),
    Requirement("X8", "A client begins with a small set of scopes and steps up to the union.", "MCP security X8"),
    Requirement("T-09", "Wrong tries are slowed per credential, not per address.", "RFC 6819 s5.1.4.2"),
    Requirement("NET-06", "Hosted clients that share addresses are not limited as one user.", "failure NET-06"),
    Requirement(
        "A4",
        "A client may name itself by the URL of a document about it, and this is advertised.",
        "MCP authorization A4",
    ),
    Requirement("A13", "A client may prove itself by a key, as it has registered or published.", "RFC 7523 s2.2"),
    Requirement(
        "A14",
        "A metadata document is asked for under every rule of its draft, and cached within bounds.",
        "OAuth Client ID Metadata Document s4",
    ),
    Requirement("CIM-02", "What is advertised about clients is what works.", "failure CIM-02"),
    Requirement("REG-03", "A registered client lives as long as any of its grants.", "failure REG-03"),
    Requirement(
        "R-01",
        "A flood of registrations neither fills the store nor shuts an honest client out.",
        "attack R-01",
    ),
    Requirement("R-02", "A costly registration is refused.", "attack R-02"),
    Requirement("R-03", "A registration is told no secret but its own.", "attack R-03"),
    Requirement("R-04", "Nobody chooses a client id.", "attack R-04"),
    Requirement("R-05", "No URL in a registration is asked for anything.", "attack R-05"),
    Requirement("R-06", "No client id makes the door reach an inner address.", "attack R-06"),
    Requirement(
        "R-07",
        "A document or key set that lies is refused, quickly, and not remembered for long.",
        "attack R-07",
    ),
    Requirement(
        "R-08",
        "A client that changed where answers go, or how it proves itself, needs a new consent.",
        "attack R-08",
    ),
    Requirement("R-10", "A registration is managed only with its own token.", "RFC 7592 s2"),
    Requirement("R-11", "A member that only looks like another is ignored, and a doubled one refused.", "attack R-11"),
    Requirement("RFC7523-3", "A client assertion counts for its client, here, for minutes, once.", "RFC 7523 s3"),
    Requirement("RFC7592-2.1", "A client reads its registration.", "RFC 7592 s2.1"),
    Requirement("RFC7592-2.2", "A client replaces its registration under the rules of a first one.", "RFC 7592 s2.2"),
    Requirement("RFC7592-2.3", "A client that removes itself takes its grants along.", "RFC 7592 s2.3"),
    Requirement("RFC7592-3", "A client is told where and with what it manages its registration.", "RFC 7592 s3"),
    Requirement("X-20", "Every real client gets through with every defence on.", "attack X-20"),
    Requirement(
        "A1",
        "Clients get tokens by the authorization code grant with S256 and by nothing weaker.",
        "OAuth 2.1 s4.1; MCP authorization",
    ),
    Requirement(
        "A2",
        "The metadata answers wherever a client looks for it, and says the issuer it was asked for.",
        "RFC 8414 s3",
    ),
    Requirement("A3", "The metadata names S256.", "RFC 8414 s2"),
    Requirement("A5", "A client may register itself with the body that it has, whichever client it is.", "RFC 7591 s3"),
    Requirement(
        "A6",
        "A redirect URI equals the registered one; only the port of a loopback URI may differ.",
        "RFC 9700 s2.1; RFC 8252 s7.3",
    ),
    Requirement(
        "A7", "Until client and redirect URI are proved, an error is a page and never a redirect.", "RFC 6749 s4.1.2.1"
    ),
    Requirement("A8", "A code is used once, soon, and by whom it was made for.", "RFC 6749 s4.1.2"),
    Requirement("A9", "A refresh token is replaced at each use, and its reuse ends the grant.", "RFC 9700 s4.14.2"),
    Requirement("A10", "Only this door can be asked for as the resource.", "RFC 8707 s2"),
    Requirement(
        "A11", "Every answer to an authorization request names the issuer, and an error does too.", "RFC 9207 s2"
    ),
    Requirement("A12", "Each error has its registered code and status.", "RFC 6749 s5.2"),
    Requirement("A16", "A registration is answered with all that was registered.", "RFC 7591 s3.2.1"),
    Requirement("A19", "The pages cannot be framed, and tell no other site where the browser was.", "RFC 9700 s4.16"),
    Requirement(
        "A20", "A browser-based client may read the metadata and use the endpoints that have no cookies.", "Fetch s3.2"
    ),
    Requirement("R1", "The door says which resource it is and who signs people in.", "RFC 9728 s2"),
    Requirement(
        "R2",
        "The description of the door is named in the challenge and found at every well-known path.",
        "RFC 9728 s3, s5",
    ),
    Requirement("R3", "A challenge names the scopes, and no error when no token was sent.", "RFC 6750 s3"),
    Requirement("R5", "A token counts in the header only.", "RFC 6750 s2; MCP authorization"),
    Requirement("R6", "Whatever is wrong with a token, the answer is 401.", "RFC 6750 s3.1"),
    Requirement(
        "R7", "No token for this door is ever passed on.", "MCP authorization, access token privilege restriction"
    ),
    Requirement(
        "X2", "Neither a token nor any other credential goes through the door.", "MCP security, token passthrough"
    ),
    Requirement("X3", "A session id is no proof of who somebody is.", "MCP security, session hijacking"),
    Requirement("X4", "Nobody can make an outgoing request reach inside.", "MCP security, SSRF"),
    Requirement("X5", "A page that rebinds a name reaches nothing.", "MCP security, DNS rebinding"),
    Requirement(
        "X7",
        "The consent page warns of clients that any program on the computer could be.",
        "MCP security, localhost redirect URIs",
    ),
    Requirement("X12", "No token, code or password is ever written to a log.", "MCP security"),
    Requirement("T1", "The door is one address, with and without a last slash, and never redirects.", "MCP transports"),
    Requirement("T2", "A foreign Origin is 403.", "MCP transports, security warning"),
    Requirement("T3", "A foreign Host is not answered.", "MCP security, DNS rebinding"),
    Requirement("T6", "An answer is one that the client said it takes.", "MCP transports"),
    Requirement("T7", "An accepted notification is 202 without a body.", "MCP transports"),
    Requirement("T8", "Headers that mirror the body must agree with it.", "MCP 2026-07-28 transports"),
    Requirement(
        "T9", "An era that is not clear is refused with what would be understood.", "MCP 2026-07-28 versioning"
    ),
    Requirement("T10", "Nothing is inferred from earlier requests in the modern era.", "MCP 2026-07-28 transports"),
    Requirement("T12", "Leaving cancels a request in the modern era and not in the legacy one.", "MCP transports"),
    Requirement("T13", "A modern server asks the client nothing by requests of its own.", "MCP 2026-07-28 basic"),
    Requirement(
        "T17",
        "Mirrored parameters are decoded before they are compared, and passed on untouched.",
        "MCP 2026-07-28 transports",
    ),
    Requirement("T18", "A long stream is neither held back nor left silent.", "MCP transports"),
    Requirement("T19", "The modern era neither gives nor takes session ids.", "MCP 2026-07-28 transports"),
    Requirement("T20", "A session belongs to the user who opened it.", "MCP 2025-11-25 transports"),
    Requirement("T22", "A version header that nobody knows is 400.", "MCP 2025-11-25 transports"),
    Requirement(
        "A-01", "No redirect URI but the registered one gets a code or a redirect.", "attack A-01; RFC 9700 s4.1"
    ),
    Requirement("A-02", "No error redirects before the client is proved.", "attack A-02"),
    Requirement("A-03", "A dangerous scheme is refused at registration and again at use.", "attack A-03"),
    Requirement("A-04", "Without the verifier of an S256 challenge there is no token.", "attack A-04; RFC 7636 s4.6"),
    Requirement(
        "A-05",
        "A code is redeemed once, whatever the concurrency, and its replay ends what it gave.",
        "attack A-05; RFC 9700 s4.5",
    ),
    Requirement("A-06", "A forged or foreign code ends nobody's grant.", "attack A-06"),
    Requirement("A-07", "A code is of no use to another client, redirect URI or resource.", "attack A-07"),
    Requirement("A-08", "What was redeemed stays redeemed after a restart and on every node.", "attack A-08"),
    Requirement("A-09", "A client can tell which server has answered it.", "attack A-09; RFC 9207 s2"),
    Requirement("A-10", "A parameter that is sent twice is refused, whatever it says.", "attack A-10; RFC 6749 s3.1"),
    Requirement(
        "A-11",
        "Codes and tokens do not leak through caches, referrers and forms that are sent on.",
        "attack A-11; RFC 9700 s4.2",
    ),
    Requirement("A-12", "There is no code before the sign-in is finished.", "attack A-12"),
    Requirement("A-13", "A client that only listens on loopback is shown as what it is.", "attack A-13"),
    Requirement("T-01", "A refresh token that is reused ends its whole line.", "attack T-01; RFC 9700 s4.14.2"),
    Requirement("T-02", "Racers with one refresh token get one successor.", "attack T-02"),
    Requirement("T-03", "What was spent or revoked stays so after a restart.", "attack T-03"),
    Requirement("T-06", "A stranger revokes nothing and learns nothing.", "attack T-06; RFC 7009 s2.1"),
    Requirement("T-08", "The store never sees a secret to compare, only its digest.", "attack T-08"),
    Requirement(
        "S-05",
        "A credential never follows a redirect and never goes to a host that somebody else named.",
        "attack S-05",
    ),
    Requirement("S-07", "No id that is put into a path leads out of its place.", "attack S-07"),
    Requirement("U-01", "A token for another resource opens nothing.", "attack U-01; RFC 8707 s2"),
    Requirement("U-02", "No broken credential and no broken store lets anybody in.", "attack U-02"),
    Requirement("U-03", "No spelling of the path gets past the door.", "attack U-03"),
    Requirement("U-04", "A token in the query or the body is no token.", "attack U-04; RFC 6750 s2"),
    Requirement("U-06", "Mirrored headers that lie decide nothing.", "attack U-06"),
    Requirement("U-07", "A body that two parsers could read differently is refused.", "attack U-07; RFC 7493 s2"),
    Requirement("U-08", "A revoked token is dead at the next request.", "attack U-08"),
    Requirement("U-09", "No input costs more than its size warrants.", "attack U-09"),
    Requirement("U-10", "Nothing is reachable without a token unless a word in the settings says so.", "attack U-10"),
    Requirement("AUD-01", "An audit entry that was changed, removed, added or moved is named.", "Doorward audit log"),
    Requirement("AUD-02", "Whatever is decided is in the audit log, with who, what and why.", "Doorward audit log"),
    Requirement("AUD-03", "What the audit log took is written once, within a second.", "Doorward audit log"),
    Requirement(
        "ADM-01", "Command line and API do the same operations, and the document describes them.", "OpenAPI 3.1"
    ),
    Requirement("G-09", "No address of the administration is open to who lacks its capability.", "attack G-09"),
    Requirement("K-01", "No secret is in a log or in the audit log.", "attack K-01"),
    Requirement("T4", "A door listens on loopback unless told otherwise.", "MCP transports, security warning"),
    Requirement(
        "T5",
        "A door asks who is calling unless a word in the settings says otherwise.",
        "MCP transports, security warning",
    ),
    Requirement("A18", "offline_access is never demanded, and dropped where it is asked for.", "MCP authorization"),
    Requirement(
        "X6", "A client that talks to several servers can tell their answers apart.", "MCP security; RFC 9207 s2"
    ),
)
