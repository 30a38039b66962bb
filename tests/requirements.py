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
)
