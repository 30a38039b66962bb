"""A door's self-examination: what the server knows about the door, and where reports are stored.

Connects the doctor with an installation; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from doorward.clock import Clock
from doorward.config.addresses import mcp_url
from doorward.config.model import DoorSettings
from doorward.config.policy import resource_of
from doorward.doctor.engine.requests import Request
from doorward.doctor.engine.run import Report
from doorward.doctor.own_door import OwnDoor, examine_own
from doorward.doctor.report.formats import as_json
from doorward.endpoints.arrival import PROOF_HEADER, proof_of_origin
from doorward.endpoints.well_known import encoded
from doorward.errors import Conflict
from doorward.installation import Installation
from doorward.oauth.metadata import inserted_paths, needed_paths
from doorward.paths import ARRIVAL, is_below
from doorward.records.changes import Change, Delete, Insert, Replace
from doorward.records.doors import DoorExamination
from doorward.storage.port import Store


async def examine(here: Installation, door: DoorSettings) -> Report:
    """Examine a door through its public URL."""
    return await examine_own(own_door(here, door))


def own_door(here: Installation, door: DoorSettings) -> OwnDoor:
    """Return what the server knows about a door."""
    policy, proof = here.policy, proof_of_origin(here.keys.sealer("arrival"), here.clock)
    made_up = "Bearer doorward-check-made-up"
    needed = needed_paths(policy, resource_of(here.config, door)) if door.auth == "oauth" else []
    elsewhere = [path for path in needed if not is_below(policy.base_path, path)]
    return OwnDoor(
        url=mcp_url(here.config, door),
        origin=policy.origin,
        arrival=Request("GET", policy.url_of(ARRIVAL), {PROOF_HEADER: proof, "authorization": made_up}),
        documents=_published(here, door, elsewhere) if door.auth == "oauth" else {},
        with_sign_in=door.auth == "oauth",
        elsewhere=elsewhere,
    )


def _published(here: Installation, door: DoorSettings, elsewhere: Collection[str]) -> dict[str, bytes]:
    """Return the documents that a client of this door requests; each other door examines its own."""
    uri, optional = resource_of(here.config, door).uri, set(inserted_paths(here.policy)).difference(elsewhere)
    found = {path: body for path, body in encoded(here.policy).items() if path not in optional}
    return {path: body for path, body in found.items() if msgspec.json.decode(body).get("resource", uri) == uri}


async def forget_others(store: Store, names: Collection[str]) -> None:
    """Remove the reports of all doors but these: the others are gone or were renamed.

    Raises:
        Unavailable: the store cannot remove them.
    """
    gone = [each for each in await store.find(DoorExamination) if each.record.name not in names]
    try:
        await store.apply([Delete(DoorExamination, each.record.name, each.version) for each in gone])
    except Conflict:
        return  # another node removes them, or has other doors


async def keep(store: Store, clock: Clock, name: str, report: Report) -> None:
    """Store a report as the latest of the door with this name.

    Raises:
        Unavailable: the store cannot store it.
    """
    found = DoorExamination(
        name=name, url=report.url, examined_at=clock.now(), report=msgspec.json.encode(as_json(report))
    )
    before = await store.get(DoorExamination, name)
    change: Change = Insert(found) if before is None else Replace(found, before.version)
    try:
        await store.apply((change,))
    except Conflict:
        return  # another node has looked at the same moment
