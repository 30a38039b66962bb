"""Broken servers of the rules in `corpus/later.toml`."""

from __future__ import annotations

from testbed.answers import reply
from testbed.broken.registry import breaks
from testbed.good import Good


@breaks("LIFE-01", needs="repeat")
class ClosesRegistration(Good):
    """The metadata names no registration endpoint any more after half a minute."""

    def server_metadata(self, request):
        if self.now > self.begun + 30:
            return reply(200, {k: v for k, v in self.metadata.items() if k != "registration_endpoint"})
        return super().server_metadata(request)

    def change(self):
        self.begun = self.now
