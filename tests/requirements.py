"""Every numbered requirement that a test demonstrates, by id. Tests carry `@pytest.mark.requirement(id)`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Requirement:
    """One behaviour, and where it is asked for."""

    id: str
    text: str
    spec: str


REQUIREMENTS: tuple[Requirement, ...] = (
    Requirement("S-01", "No spelling of an inner address is reached by an outgoing request.", "RFC 6890 s2.2"),
    Requirement("S-02", "A name that changes between check and use gains nothing.", "attack S-02"),
    Requirement("S-03", "An outgoing request follows no redirect.", "attack S-03"),
    Requirement("S-04", "The host that is checked is the host that is connected to.", "RFC 3986 s3.2.2"),
    Requirement("S-06", "Proxy variables, netrc and cookies never take part in an outgoing request.", "attack S-06"),
    Requirement("S-08", "A hostile host is left within the limits of time and size.", "attack S-08"),
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
)
