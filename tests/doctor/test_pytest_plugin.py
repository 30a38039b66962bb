"""The fixture `mcp_door_check`, in a pytest run of its own, against servers on real ports."""

from __future__ import annotations

import time
import tomllib

import pytest
from doctor.on_a_port import on_a_port
from flows.processes import ROOT

from testbed.broken import BROKEN
from testbed.good import Good

pytest_plugins = ["pytester"]
PLUGIN = "doorward.doctor.pytest_plugin"


@pytest.fixture
def run(pytester, monkeypatch):
    """Return a function that runs one test file with the plugin and no other."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(test: str):
        pytester.makepyfile(test)
        return pytester.runpytest_subprocess("-p", PLUGIN, "-p", "no:cacheprovider")

    return run


def test_a_good_server_passes(run):
    with on_a_port(Good) as server:
        done = run(f"""
            def test_clients_can_connect(mcp_door_check):
                report = mcp_door_check("{server.url}")
                assert report.good, report
                assert report
                assert report.findings == ()
                assert report.clients["claude"].stops_at is None
                assert report.json["version"] == 1
        """)
    done.assert_outcomes(passed=1)


def test_a_broken_server_fails_with_the_report_as_the_message(run):
    with on_a_port(BROKEN["DSC-01"].server) as server:
        done = run(f"""
            def test_clients_can_connect(mcp_door_check):
                report = mcp_door_check("{server.url}")
                assert report.good, report
        """)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        [
            "E*F  VS Code         stops at resource metadata (DSC-01)",
            "E*1. DSC-01  The advertised resource is not the URL that was typed*blocker",
            "E*^ differs from here",
            "E*Fix: Publish the endpoint URL*",
        ]
    )


def test_a_report_with_findings_is_not_true_because_it_has_words(run):
    with on_a_port(BROKEN["DSC-01"].server) as server:
        done = run(f"""
            def test_clients_can_connect(mcp_door_check):
                assert mcp_door_check("{server.url}")
        """)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines([f"E*assert <doorward check {server.url}: DSC-01>"])


def test_one_client_can_be_asked_about(run):
    with on_a_port(BROKEN["DSC-01"].server) as server:
        done = run(f"""
            import pytest

            def test_cursor_can_connect(mcp_door_check):
                report = mcp_door_check("{server.url}", as_="cursor")
                assert report.good, report
                assert list(report.clients) == ["cursor"]

            def test_a_mistyped_client(mcp_door_check):
                with pytest.raises(ValueError, match="There are: claude"):
                    mcp_door_check("{server.url}", as_="cluade")
        """)
    done.assert_outcomes(passed=2)


def test_a_risk_is_good_unless_it_is_strict(run):
    with on_a_port(BROKEN["NET-06"].server) as server:
        done = run(f"""
            import pytest

            @pytest.mark.parametrize("strict", [False, True])
            def test_clients_can_connect(mcp_door_check, strict):
                report = mcp_door_check("{server.url}", strict=strict)
                assert [each.rule for each in report.findings] == ["NET-06"]
                assert report.good != strict
        """)
    done.assert_outcomes(passed=2)


def test_a_token_opens_what_is_behind_the_sign_in(run):
    with on_a_port(Good) as server:
        server.now = time.time()
        token = server.issue({"grant": "one", "client_id": "one", "scope": ["mcp"]}).json["access_token"]
        done = run(f"""
            def test_the_tools_can_be_reached(mcp_door_check):
                report = mcp_door_check("{server.url}", token="{token}")
                assert report.good, report
        """)
        asked = [request for request in server.requests if "authorization" in request.headers]
    done.assert_outcomes(passed=1)
    assert any(request.headers["authorization"] == f"Bearer {token}" for request in asked)


def test_it_works_while_an_event_loop_runs(run):
    with on_a_port(Good) as server:
        done = run(f"""
            import asyncio

            def test_clients_can_connect(mcp_door_check):
                async def inside():
                    return mcp_door_check("{server.url}")

                assert asyncio.run(inside())
        """)
    done.assert_outcomes(passed=1)


def test_nothing_heavy_is_loaded_before_it_is_used(run):
    done = run("""
        import sys

        def test_what_is_loaded(mcp_door_check):
            heavy = {"asyncio", "ssl", "msgspec", "jinja2", "httptools", "cryptography", "doorward.doctor.engine.run"}
            assert not heavy & set(sys.modules)
    """)
    done.assert_outcomes(passed=1)


def test_pytest_finds_it_where_doorward_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"doorward": PLUGIN}
