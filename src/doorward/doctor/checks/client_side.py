"""Where a server is right, and a client is known to go wrong all the same: notes, with what helps until it is mended.

Asks nothing of its own: what other checks have seen is enough. What happens inside of a client cannot be seen at all;
those rules say so.

Spec: RFC 9728 s3.1, s5.1
"""

from __future__ import annotations

from doorward.doctor.engine.check import Picture, Steps, found

_WELL_KNOWN = "/.well-known/oauth-protected-resource"


def reads_the_root_first(picture: Picture) -> Steps:
    """Note that there is nothing at the root form, although the challenge leads to a document."""
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
