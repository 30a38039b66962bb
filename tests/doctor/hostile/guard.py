"""The ports of the fetcher that let tests connect only to this machine, and record other requested addresses."""

from __future__ import annotations

import socket

from doorward.fetching.resolver import SystemDialer, SystemResolver


class OnlyThisMachine(SystemDialer):
    """Connects to this machine, and records other requested addresses."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    async def dial(self, address: str, port: int) -> socket.socket:
        if address not in {"127.0.0.1", "::1"}:
            self.refused.append(address)
            raise ConnectionRefusedError
        return await super().dial(address, port)


class OnlyTheseNames(SystemResolver):
    """Knows this machine and addresses, and notes which other names it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    async def resolve(self, host: str, port: int) -> list[str]:
        if host == "localhost":
            return ["127.0.0.1"]
        if not host.replace(".", "").isdecimal() and ":" not in host:
            self.asked.add(host)
            raise socket.gaierror
        return [host]
