"""The catalogue of settings, and that each of them does something."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import doorward
from doorward.config.settings import catalogue, door_settings

SOURCE = Path(doorward.__file__).parent
ADDRESSES = SOURCE / "config" / "addresses.py"
MADE_POLICY = SOURCE / "config" / "policy.py"
POLICY = SOURCE / "oauth" / "policy.py"
HOLDERS = ("config", "settings")
"""What a variable or an attribute that holds settings is called, or ends in."""
NOT_READ = {
    "login": "there is only one way to sign in so far",
    "allow_public_without_auth": "a permission, which only the rules of the settings read",
}


def attributes(tree: ast.AST, holders: tuple[str, ...]) -> Iterator[str]:
    """Yield each `NAME` of `HOLDER.NAME` and of `x.HOLDER.NAME`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            holder = node.value
            name = holder.id if isinstance(holder, ast.Name) else getattr(holder, "attr", "")
            if name.endswith(holders):
                yield node.attr


def trees() -> Iterator[ast.Module]:
    for path in SOURCE.rglob("*.py"):
        if path.parent != SOURCE / "config":
            yield ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def read_settings() -> set[str]:
    """Return every setting that code outside `config/` reads, by itself or through `config/addresses.py` and
    `config/policy.py`. What is put into a policy is read if somebody reads it from the policy.
    """
    outside = list(trees())
    read = {name for tree in outside for name in attributes(tree, (*HOLDERS, "door") if has_doors(tree) else HOLDERS)}
    policy = {name for tree in outside for name in attributes(tree, ("policy", "resource"))}
    policy.update(attributes(ast.parse(POLICY.read_text(encoding="utf-8")), ("self",)))
    read.update(attributes(ast.parse(ADDRESSES.read_text(encoding="utf-8")), (*HOLDERS, "door")))
    made = ast.parse(MADE_POLICY.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(made) if isinstance(node, ast.Call) and is_policy(node)]
    for word in (word for call in calls for word in call.keywords):
        if word.arg in policy:
            read.update(attributes(word.value, (*HOLDERS, "door")))
        word.value = ast.Constant(None)
    return read | set(attributes(made, (*HOLDERS, "door")))


def has_doors(tree: ast.Module) -> bool:
    """Return whether a module imports the settings of one door: only there `door` may be named after them."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return any(alias.name == "DoorSettings" for node in imports for alias in node.names)


def is_policy(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id in {"Policy", "Resource"}


@pytest.mark.parametrize("name", [name for name in catalogue() if name not in NOT_READ])
def test_every_setting_is_read_by_somebody(name):
    assert name in read_settings(), f"nothing outside config/ reads {name} (as config.{name} or settings.{name})"


def test_a_setting_that_is_read_is_not_excused():
    assert not read_settings() & set(NOT_READ)


def test_a_door_has_settings_of_its_own_and_the_installation_keeps_the_rest():
    assert {"target", "path", "auth", "scopes"} <= set(door_settings())
    assert not {"host", "port", "public_url", "database", "workers"} & set(door_settings())
