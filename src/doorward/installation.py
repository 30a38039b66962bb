"""One installation: settings and store with keys, audit log, clock and randomness, opened once.

The server and the command line open the same one, so a record that a command changes is sealed, signed and audited
exactly as by a request. Only the server calls `begin` (background work) and `authority` (the OAuth decisions).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from doorward.audit.audited_store import AuditedStore
from doorward.audit.log import AuditLog
from doorward.audit.purge import DAY_SECONDS, purge_audit
from doorward.authority.authority import Authority
from doorward.authority.dpop_proofs import DpopProofs
from doorward.authority.kept_replies import wipe_all
from doorward.authority.last_used import LastUsed
from doorward.clock import Clock, Entropy, SystemClock, SystemEntropy
from doorward.config.addresses import mcp_url
from doorward.config.doors import with_doors_of
from doorward.config.model import Config
from doorward.config.policy import policy_of
from doorward.directory import added_doors
from doorward.hooks import NO_HOOKS, Hooks
from doorward.keys.ring import Keys, open_with_keys
from doorward.keys.rotation import Rotation
from doorward.keys.signing import JwtSigner
from doorward.keys.stored_sealing import StoredSealer
from doorward.logs import log
from doorward.oauth.policy import Policy
from doorward.storage.opening import open_store
from doorward.storage.port import KEEP_EXPIRED_SECONDS, Store
from doorward.upkeep import Upkeep, every

if TYPE_CHECKING:
    from doorward.fetching.fetcher import Fetcher

LOGGER = logging.getLogger("doorward")
PURGE_EVERY_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """An open store, and everything that shares it."""

    config: Config
    policy: Policy
    clock: Clock
    entropy: Entropy
    hooks: Hooks
    plain_store: Store
    """The store itself, for reads on the data path and for changes that are not audited."""
    store: Store
    """The same store, with an audit log of every change."""
    keys: Keys
    audit: AuditLog
    last_used: LastUsed
    upkeep: Upkeep = field(default_factory=Upkeep)

    @classmethod
    async def open(
        cls,
        config: Config,
        *,
        store: Store | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        hooks: Hooks = NO_HOOKS,
    ) -> Installation:
        """Open the store that the settings name, or the given one, and its keys.

        Raises:
            StartError: the data directory, the store or the keys cannot be used; the store is closed again.
            Unavailable: the store cannot answer.
        """
        clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
        if store is None:
            store = open_store(config.database, config.data_dir, connections=config.database_connections)
        keys = await open_with_keys(
            store, config.database, config.data_dir, clock, entropy, master_key=config.master_key
        )
        audit, policy = AuditLog(store, clock), policy_of(config)
        return cls(
            config=config,
            policy=policy,
            clock=clock,
            entropy=entropy,
            hooks=hooks,
            plain_store=store,
            store=AuditedStore(store, audit, policy.door_name),
            keys=keys,
            audit=audit,
            last_used=LastUsed(store),
        )

    def with_doors_of(self, config: Config) -> Installation:
        """Return the same open installation with the doors of other settings; their other values are ignored."""
        config = with_doors_of(self.config, config)
        policy = policy_of(config)
        store = AuditedStore(self.plain_store, self.audit, policy.door_name)
        return replace(self, config=config, policy=policy, store=store)

    async def with_added_doors(self) -> Installation:
        """Return the installation with the doors that were added by command too. Raises `Unavailable`."""
        kept = await added_doors.load(self.plain_store)
        return self.with_doors_of(added_doors.placed(self.config, kept.records).config) if kept.records else self

    @property
    def mcp_url(self) -> str:
        """The URL for clients: that of the default door, or of the first one."""
        default = self.policy.default_resource
        return mcp_url(self.config) if default is None else default.uri

    def authority(self, fetcher: Fetcher) -> Authority:
        """Return the dependencies of the OAuth decisions in endpoints and pages."""
        # Imported only here, because commands fetch nothing.
        from doorward.fetching.client_documents import FetchedClientDocuments
        from doorward.fetching.issuer_keys import IssuerKeys

        policy, clock, keys = self.policy, self.clock, self.keys
        sealing = keys.sealer("dpop nonce")
        return Authority(
            policy=policy,
            store=self.store,
            clock=clock,
            entropy=self.entropy,
            sealing=StoredSealer(keys.sealer("token reply"), keys.refresh),
            proofs=DpopProofs(policy=policy, store=self.plain_store, clock=clock, sealing=sealing),
            sign=JwtSigner(keys),
            documents=FetchedClientDocuments(policy, self.store, clock, fetcher, self.entropy),
            issuer_keys=IssuerKeys(fetcher, clock),
        )

    def begin(self, authority: Authority) -> None:
        """Start the background work of a server."""
        rotation = Rotation(self.store, self.keys, self.clock, self.policy)
        self.audit.start()
        self.upkeep.begin("purge", every(PURGE_EVERY_SECONDS, self._purge, delayed="purge_failed", at_once=True))
        self.upkeep.begin("replies", authority.kept.run(self.store, self.clock))
        self.upkeep.begin("last-used", self.last_used.write_regularly())
        self.upkeep.begin("keys", rotation.run(self.config.key_rotation_days))

    async def _purge(self) -> None:
        removed, _ = await self.purge(slack_seconds=DAY_SECONDS)
        log(LOGGER, logging.DEBUG, "purged", records=removed)

    async def purge(self, *, slack_seconds: int = 0) -> tuple[int, int]:
        """Remove expired records, and return how many records and audit entries; slack is as for `purge_audit`.

        Raises:
            Unavailable: the store cannot answer.
        """
        now, days, store = self.clock.now(), self.config.audit_retention_days, self.plain_store
        await wipe_all(store, self.policy, now)
        removed = await store.purge(now - KEEP_EXPIRED_SECONDS)
        if not days:
            return removed, 0
        return removed, await purge_audit(store, self.audit, now - days * DAY_SECONDS, slack_seconds=slack_seconds)

    async def close(self) -> None:
        """End the background work, flush what waits in memory, and close the store; safe to call twice."""
        try:
            await self.upkeep.stop()
            await self.last_used.try_to_write()
            await self.audit.stop()
        finally:
            await self.plain_store.close()
