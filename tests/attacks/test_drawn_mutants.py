"""Where drawn mutants come from, and which tests try them."""

from __future__ import annotations

import pytest

from mutation import known_tests
from mutation.drawn import modules


def test_every_module_that_mutants_are_drawn_from_is_there():
    assert [path for path in modules() if not path.exists()] == []


@pytest.mark.parametrize(
    ("module", "nearest"),
    [
        ("oauth/clients/keys.py", "tests/oauth/clients/test_keys.py"),
        ("keys/ring.py", "tests/keys/test_ring.py"),
        ("mcp/sessions.py", "tests/mcp/test_sessions.py"),
    ],
)
def test_the_tests_of_a_module_begin_with_its_own(module, nearest):
    assert known_tests.tests_of(f"src/doorward/{module}")[0] == nearest


def test_a_module_without_tests_of_its_own_is_known_by_those_of_its_folder():
    known = known_tests.tests_of("src/doorward/keys/master_key.py")
    assert {"tests/keys/test_ring.py", "tests/keys/test_sealing.py"} <= {*known}
    assert "tests/keys/test_ring.py" not in known_tests.tests_of("src/doorward/door/body.py")
