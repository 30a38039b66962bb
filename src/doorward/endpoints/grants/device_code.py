"""Answers a device that polls for its user's decision.

Spec: RFC 8628 s3.4.
"""

from __future__ import annotations

from doorward.authority.authority import Authority
from doorward.oauth.grants.device_code import poll
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.tokens.reply import Redemption, TokenReply
from doorward.records.changes import Decision
from doorward.records.oauth import DeviceAuthorization, Grant


async def decide(authority: Authority, request: Redemption) -> Decision[TokenReply]:
    """Decide about a device code."""
    store, presented = authority.store, request.form.get("device_code")
    found = await store.find(DeviceAuthorization, device_digest=digest(presented)) if presented else []
    device = found[0] if found else None
    grant_id = device.record.grant_id if device else ""
    return poll(request, device=device, grant=await store.get(Grant, grant_id) if grant_id else None)
