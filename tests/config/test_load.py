"""Where settings come from, which of them wins, and what is said about those that cannot be used."""

from pathlib import Path

import pytest

from doorward.config.load import load
from doorward.config.model import CommandTarget, PythonTarget, UrlTarget
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


def test_settings_may_stand_in_pyproject(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.doorward]\nport = 9000\n")
    loaded = load({}, {}, tmp_path)
    assert (loaded.config.port, loaded.origins["port"]) == (9000, "port in pyproject.toml")


def test_a_file_of_its_own_wins_over_pyproject(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.doorward]\nport = 9000\n")
    (tmp_path / "doorward.toml").write_text("workers = 2\n")
    loaded = load({}, {}, tmp_path)
    assert (loaded.config.port, loaded.config.workers) == (8000, 2)


def test_a_broken_pyproject_that_nobody_named_is_not_our_business(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.other\n")
    assert load({}, {}, tmp_path).file == tmp_path / "pyproject.toml"
    assert "not valid TOML" in problems({"config": "pyproject.toml"}, {}, tmp_path)[0]


@pytest.mark.parametrize("source", ["flag", "variable"])
def test_a_file_can_be_named(tmp_path, source):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "mine.toml").write_text('port = 9000\ntarget = "server.py"\ndatabase = "sqlite:///x.sqlite"\n')
    (tmp_path / "etc" / "server.py").write_text("")
    named = {"config": "etc/mine.toml"} if source == "flag" else {}
    loaded = load(named, {} if named else {"DOORWARD_CONFIG": "etc/mine.toml"}, tmp_path)
    assert loaded.config.port == 9000
    assert loaded.config.doors[0].target == PythonTarget(str(tmp_path / "etc" / "server.py"))
    assert loaded.config.database == f"sqlite:///{tmp_path}/etc/x.sqlite"
    assert loaded.config.data_dir == tmp_path / "etc" / ".doorward"


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


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path):
    (tmp_path / "secret").write_text("correct horse battery\n")
    loaded = load({}, {"DOORWARD_OWNER_PASSWORD_FILE": "secret"}, tmp_path)
    assert loaded.config.owner_password == "correct horse battery"
    assert loaded.origins["owner_password"] == "DOORWARD_OWNER_PASSWORD_FILE"
    (tmp_path / "doorward.toml").write_text('owner_password_file = "secret"\n')
    loaded = load({}, {}, tmp_path)
    assert loaded.config.owner_password == "correct horse battery"
    assert loaded.origins["owner_password"] == "owner_password_file in doorward.toml"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"DOORWARD_OWNER_PASSWORD_FILE": "missing"}, "no such file"),
        ({"DOORWARD_OWNER_PASSWORD_FILE": "empty"}, "is empty"),
        ({"DOORWARD_OWNER_PASSWORD_FILE": "binary"}, "is not text"),
        ({"DOORWARD_OWNER_PASSWORD_FILE": "full", "DOORWARD_OWNER_PASSWORD": "hunter2hunter2"}, "is set as well"),
        ({"DOORWARD_OWNER_PASSWORD": "hunter2"}, "too short"),
    ],
)
def test_a_fault_of_a_secret_never_shows_it(tmp_path, environ, expected):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "full").write_text("hunter2hunter2")
    (found,) = problems({}, environ, tmp_path)
    assert expected in found
    assert "hunter2" not in found


def test_the_representation_of_the_settings_holds_no_secret(tmp_path):
    config = load({}, {"DOORWARD_OWNER_PASSWORD": "hunter2hunter2"}, tmp_path).config
    assert "hunter2" not in repr(config)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DOORWARD_SERVICE_HOST", "10.0.0.1"),
        ("DOORWARD_SERVICE_PORT", "8000"),
        ("DOORWARD_SERVICE_PORT_HTTP", "8000"),
        ("DOORWARD_PORT", "tcp://10.0.0.1:8000"),
        ("DOORWARD_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
        ("DOORWARD_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("DOORWARD_STAGING_PORT", "tcp://10.0.0.1:8000"),
        ("DOORWARD_STAGING_SERVICE_HOST", "10.0.0.1"),
    ],
)
def test_what_kubernetes_sets_for_a_service_of_that_name_is_not_a_setting(tmp_path, variable, value):
    loaded = load({}, {variable: value}, tmp_path)
    assert set(loaded.origins.values()) == {"default"}


@pytest.mark.parametrize(
    ("variable", "meant"),
    [("DOORWARD_PROT", "DOORWARD_PORT"), ("DOORWARD_PUBLICURL", "DOORWARD_PUBLIC_URL"), ("DOORWARD_XYZZY", "schema")],
)
def test_an_unknown_variable_is_a_fault_with_a_suggestion(tmp_path, variable, meant):
    (found,) = problems({}, {variable: "1"}, tmp_path)
    assert found.startswith(f"{variable}: there is no such setting")
    assert meant in found.splitlines()[-1]


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
