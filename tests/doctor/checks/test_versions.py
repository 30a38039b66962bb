"""Both eras and every version, with and without a token."""

from __future__ import annotations

from doctor.checks.test_protocol import examined
from doctor.examining import only

from testbed.answers import rpc_error
from testbed.good import Good, LegacyWithSignIn, ModernWithSignIn


async def test_the_probe_of_the_newer_era_may_be_confused_behind_the_token_alone():
    class Confused(LegacyWithSignIn):
        def modern(self, request, message):
            return self.unauthorized(request)

    finding = only(await examined(Confused()))
    assert finding.rule == "VER-01"
    assert "With a good token" in finding.summary


async def test_versions_may_be_refused_behind_the_token_alone():
    class Strict(Good):
        def initialize(self, message):
            if message["params"]["protocolVersion"] == "2025-03-26":
                return rpc_error(400, rpc_id=message["id"])
            return super().initialize(message)

    finding = only(await examined(Strict()))
    assert finding.rule == "VER-02"
    assert [line for line in finding.evidence if line.startswith("with a token")] == [
        "with a token, asked for 2025-03-26:"
    ]


async def test_a_server_of_the_newer_era_behind_a_sign_in_tells_older_clients_or_is_found():
    class Mute(ModernWithSignIn):
        def legacy(self, request, message):
            return rpc_error(400)

    for server, verdict in ((ModernWithSignIn(), "note"), (Mute(), "will break for")):
        finding = only(await examined(server))
        assert finding.rule == "VER-03"
        assert finding.verdict.startswith(verdict)
