"""Where a setting may be written."""

import pytest
from config.test_load import problems

from doorward.config.load import load
from doorward.config.model import PythonTarget


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
