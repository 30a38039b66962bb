"""The routes for server operators: probes, published keys, metrics, and the arrival of our own requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from doorward.edge.frame import guarded
from doorward.edge.router import Route, reading
from doorward.endpoints.arrival import Arrival
from doorward.endpoints.jwks import JwkSet
from doorward.endpoints.metrics import MetricsEndpoint
from doorward.endpoints.probes import DoorReadiness, Readiness, live
from doorward.keys.ring import Keys
from doorward.paths import ARRIVAL, JWKS_PATH, LIVENESS, METRICS, READINESS
from doorward.storage.port import Store


def routes(
    store: Store,
    keys: Keys,
    arrival: Arrival,
    metrics: MetricsEndpoint | None,
    doors: Callable[[], list[DoorReadiness]],
) -> Iterator[Route]:
    """Yield the routes; without `metrics`, there is no `/metrics`. `doors` returns what `/readyz` says of each."""
    readiness = Readiness(store, doors, may_see=(lambda _: False) if metrics is None else metrics.admits)
    yield Route(LIVENESS, reading(guarded(live)))
    yield Route(READINESS, reading(guarded(readiness)))
    yield Route(JWKS_PATH, reading(guarded(JwkSet(keys), cors=True)))
    yield Route(ARRIVAL, reading(guarded(arrival)))
    if metrics is not None:
        yield Route(METRICS, reading(guarded(metrics)))
