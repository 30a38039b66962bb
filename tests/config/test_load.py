"""Where settings come from, which of them wins, and what is said about those that cannot be used."""

from pathlib import Path

import pytest

from doorward.config.load import load
from doorward.config.model import CommandTarget, UrlTarget
from doorward.errors import ConfigError


def problems(flags, environ, cwd: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(flags, environ, cwd)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.requirement("T4")
def test_defaults_hold_when_nothing_is_written(tmp_path):
    loaded = load({}, {}, tmp_path)
    assert (loaded.config.host, loaded.config.port, loaded.config.doors[0].path) == ("127.0.0.1", 8000, "/mcp")
    assert loaded.config.data_dir == tmp_path / ".doorward"
    assert set(loaded.origins.values()) == {"default"}


@pytest.mark.parametrize(
    ("flags", "environ", "text", "port", "origin"),
    [
        ({"port": "1"}, {"DOORWARD_PORT": "2", "PORT": "3"}, "port = 4", 1, "--port"),
        ({}, {"DOORWARD_PORT": "2", "PORT": "3"}, "port = 4", 2, "DOORWARD_PORT"),
        ({"port": None}, {"PORT": "3"}, "port = 4", 3, "PORT"),
        ({}, {}, "port = 4", 4, "port in doorward.toml"),
        ({}, {"DOORWARD_PORT": ""}, "", 8000, "default"),
    ],
)
def test_the_nearest_source_wins(tmp_path, flags, environ, text, port, origin):
    (tmp_path / "doorward.toml").write_text(text)
    loaded = load(flags, environ, tmp_path)
    assert (loaded.config.port, loaded.origins["port"]) == (port, origin)


def test_the_worker_count_of_the_platform_is_honoured(tmp_path):
    assert load({}, {"WEB_CONCURRENCY": "3"}, tmp_path).config.workers == 3
    assert load({}, {"WEB_CONCURRENCY": "3", "DOORWARD_WORKERS": "2"}, tmp_path).config.workers == 2


def test_paths_of_flags_and_variables_count_from_the_working_directory(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "mine.toml").write_text("")
    environ = {"DOORWARD_DATA_DIR": "data", "DOORWARD_CONFIG": "etc/mine.toml"}
    assert load({}, environ, tmp_path).config.data_dir == tmp_path / "data"


def test_lists_and_switches_can_be_written_as_text(tmp_path):
    environ = {
        "DOORWARD_SCOPES": "read, write",
        "DOORWARD_ALLOW_PUBLIC_WITHOUT_AUTH": "yes",
        "DOORWARD_TRUSTED_PROXIES": "10.0.0.0/8,127.0.0.1",
    }
    config = load({}, environ, tmp_path).config
    assert config.doors[0].scopes == ("read", "write")
    assert config.doors[0].allow_public_without_auth
    assert config.trusted_proxies == ("10.0.0.0/8", "127.0.0.1")


def test_the_representation_of_the_settings_holds_no_secret(tmp_path):
    config = load({}, {"DOORWARD_OWNER_PASSWORD": "hunter2hunter2"}, tmp_path).config
    assert "hunter2" not in repr(config)


def test_a_value_that_is_overruled_is_not_a_fault(tmp_path):
    assert load({"port": "9000"}, {"DOORWARD_PORT": "many"}, tmp_path).config.port == 9000


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://127.0.0.1:9000/mcp", UrlTarget("http://127.0.0.1:9000/mcp")),
        (("npx", "-y", "some server"), CommandTarget(("npx", "-y", "some server"))),
    ],
)
def test_a_target_can_be_a_flag(tmp_path, given, expected):
    loaded = load({"target": given}, {}, tmp_path, needs_target=True)
    assert (loaded.config.doors[0].target, loaded.origins["target"]) == (expected, "TARGET")


def test_a_command_can_be_a_list_or_a_text(tmp_path):
    expected = CommandTarget(("npx", "-y", "some server"))
    (tmp_path / "doorward.toml").write_text('target = ["npx", "-y", "some server"]\n')
    assert load({}, {}, tmp_path).config.doors[0].target == expected
    assert load({}, {"DOORWARD_TARGET": "-- npx -y 'some server'"}, tmp_path).config.doors[0].target == expected


def test_serving_needs_a_target(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load({"port": "x"}, {}, tmp_path, needs_target=True)
    assert {problem.where for problem in caught.value.problems} == {"--port", "TARGET"}


def test_a_choice_that_is_no_string_is_told_the_choices(tmp_path):
    (tmp_path / "doorward.toml").write_text("auth = 5\n")
    assert problems({}, {}, tmp_path) == ["auth in doorward.toml: 5 is not one of oauth, token, none"]
