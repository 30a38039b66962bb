from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.__main__ import possible, select
from bench.anchors import (
    CHECKED,
    CHECKED_KEPT,
    GATE,
    INSTALL,
    PLAIN,
    UPSTREAM,
    caddy_settings,
    has_auth_request,
    missing,
    nginx_settings,
    version_in,
)
from bench.budgets import Measured, judge

PORTS = {UPSTREAM: 9001, GATE: 9002}


def directives(settings: str) -> list[str]:
    """Split settings of nginx into directives and the heads of blocks."""
    return [part.strip() for part in re.split(r"[;{}]", settings) if part.strip()]


@pytest.mark.parametrize("server", [PLAIN, CHECKED, CHECKED_KEPT])
def test_nginx_has_one_worker_and_closes_every_block(server: str, tmp_path: Path) -> None:
    settings = nginx_settings(server, tmp_path, 9000, PORTS)
    assert settings.count("{") == settings.count("}")
    assert {"worker_processes 1", "listen 127.0.0.1:9000", "proxy_pass http://app"} <= set(directives(settings))
    assert "server 127.0.0.1:9001" in directives(settings)


def settings_of(server: str, folder: Path) -> list[str]:
    return directives(nginx_settings(server, folder, 9000, PORTS))


def test_every_nginx_but_the_plain_one_asks_the_gate(tmp_path: Path) -> None:
    asking = {"auth_request /check", "server 127.0.0.1:9002", "proxy_pass http://gate"}
    assert asking <= set(settings_of(CHECKED, tmp_path))
    assert asking <= set(settings_of(CHECKED_KEPT, tmp_path))
    assert not asking & set(settings_of(PLAIN, tmp_path))


def test_only_the_nginx_that_says_so_keeps_connections_to_its_gate(tmp_path: Path) -> None:
    kept, fresh = settings_of(CHECKED_KEPT, tmp_path), settings_of(CHECKED, tmp_path)
    assert (kept.count("keepalive 64"), fresh.count("keepalive 64")) == (2, 1)
    # A location that sets a header inherits none, so the one for the gate states the header in either case.
    assert (kept.count('proxy_set_header Connection ""'), fresh.count('proxy_set_header Connection ""')) == (2, 1)
    assert fresh.count('proxy_set_header Connection "close"') == 1
    assert "proxy_http_version 1.1" in kept


def test_caddy_asks_the_gate_before_the_upstream() -> None:
    settings = caddy_settings(9000, PORTS)
    assert settings.count("{") == settings.count("}")
    assert settings.index("forward_auth 127.0.0.1:9002") < settings.index("reverse_proxy 127.0.0.1:9001")


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (
            "nginx version: nginx/1.22.1\nconfigure arguments: --prefix=/x --with-http_auth_request_module --with-x",
            True,
        ),
        ("nginx version: nginx/1.22.1\nconfigure arguments: --prefix=/x --without-http_auth_request_module", False),
    ],
)
def test_the_build_of_nginx_tells_whether_it_can_ask_a_gate(build: str, expected: bool) -> None:
    assert has_auth_request(build) is expected


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("go version go1.26.8 linux/amd64", "1.26.8"),
        ("nginx version: nginx/1.22.1", "1.22.1"),
        ("v2.6.2 h1:abc=", "2.6.2"),
        ("(devel)", "(devel)"),
    ],
)
def test_a_version_is_found_in_what_the_program_prints(printed: str, version: str) -> None:
    assert version_in(printed) == version


def test_rows_without_their_program_are_left_out_and_one_line_says_what_to_install(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = possible(select("nginx|Caddy|Doorward reverse proxy"), {"caddy": "Caddy from somewhere"})
    assert [one.name for one in plan.subjects] == [
        "nginx proxy_pass",
        "nginx auth_request",
        "nginx auth_request, gate kept",
        "Doorward reverse proxy",
    ]
    assert capsys.readouterr().err == "Left out: Caddy forward_auth. Install Caddy from somewhere.\n"


def test_a_budget_whose_anchor_is_left_out_stays_and_has_no_verdict() -> None:
    plan = possible(select("reverse proxy, bearer"), {"go": "Go"})
    assert plan.subjects == ()
    judged = judge(plan.budgets[0], Measured())
    assert judged.reason == "not measured: Doorward reverse proxy, nginx auth_request"


def test_a_program_that_is_not_on_the_path_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing([UPSTREAM, GATE]) == {"go": INSTALL["go"]}
    assert missing(["raw"]) == {}
