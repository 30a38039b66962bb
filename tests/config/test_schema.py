"""The schema for editors, and the generated pages."""

import dataclasses
import importlib.util
import tomllib
from pathlib import Path

import jsonschema
import pytest
from config.file_schema import validate

from doorward.config.load import load
from doorward.config.model import Config, DoorSettings
from doorward.config.schema import descriptions, json_schema
from doorward.errors import ConfigError

ROOT = Path(__file__).parents[2]


def test_every_setting_is_explained():
    fields = (*dataclasses.fields(DoorSettings), *dataclasses.fields(Config))
    names = {field.name for field in fields} - {"doors", "name", "source"}
    assert set(descriptions()) == names
    assert all(descriptions().values())


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json_schema())


GOOD = [
    'target = "server"\nport = 0\nscopes = ["a", "b"]\nauth = "token"\n',
    'target = ["npx", "x"]\npublic_url = "https://mcp.example.com"\nallow_public_without_auth = true\n',
    '[tool_scopes]\n"delete_*" = ["files:write"]\n',
    'owner_password = "correct horse"\nlog_level = "debug"\nworkers = 3\n',
]
BAD = [
    "prot = 1",
    "port = true",
    'port = "1"',
    "port = 65536",
    'auth = "oath"',
    'scopes = "a"',
    "target = []",
    'tool_scopes = ["a"]',
]


@pytest.mark.parametrize("text", GOOD)
def test_schema_and_loader_accept_the_same(tmp_path, text):
    (tmp_path / "doorward.toml").write_text(text)
    load({}, {}, tmp_path)
    validate(tomllib.loads(text))


@pytest.mark.parametrize("text", BAD)
def test_schema_and_loader_refuse_the_same(tmp_path, text):
    (tmp_path / "doorward.toml").write_text(text)
    with pytest.raises(ConfigError):
        load({}, {}, tmp_path)
    with pytest.raises(jsonschema.ValidationError):
        validate(tomllib.loads(text))


def test_the_committed_pages_are_what_the_code_says():
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "scripts" / "generate_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for path, text in module.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is stale: make docs"
