"""Notes on known client bugs that affect a correct server, with a workaround until they are fixed.

Sends no requests: it uses what other checks have seen. What happens inside a client is invisible from here; those rules
say so.

Spec: RFC 9728 s3.1, s5.1
"""

from __future__ import annotations

from doorward.doctor.engine.check import Picture, Steps, found

_WELL_KNOWN = "/.well-known/oauth-protected-resource"


def reads_the_root_first(picture: Picture) -> Steps:
    """Note that the root form is missing, although the challenge names a document."""
    yield from ()
    root = picture.origin + _WELL_KNOWN
    named = picture.challenge.get("resource_metadata", "")
    if not picture.path or named not in picture.documents or root in picture.documents:
        return []
    summary = (
        "This server is right: its challenge names a document that is there. Older versions of the client look at the "
        "root of the host first, and find nothing."
    )
    evidence = [f'< www-authenticate: Bearer resource_metadata="{named}"', f"there: {named}", f"not there: {root}"]
    return [found("CLI-08", summary, evidence, verdict="note")]
