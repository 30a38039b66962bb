"""The check that tests look at the product from outside."""

from __future__ import annotations

import check_privacy
import pytest


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("assert pool.opened == 1", []),
        ("assert pool._idle == []", [1]),
        ("x = 1\nassert [each._idle for each in pools]", [2]),
        ("pool._idle.clear()", []),
        ("assert self._left == 0", []),
        ("assert thing.__name__ == 'x'", []),
        ("patch.setattr('doorward.door.body.READ_SECONDS', 0)", [1]),
        ("patch.setattr('sys.stdin', None)", []),
        ("from doorward import hooks\npatch.setattr(hooks, 'HOOK_SECONDS', 0)", [2]),
        ("from doorward.door import body as rooms\npatch.setattr(rooms, 'READ_SECONDS', 0)", [2]),
        ("import sys\npatch.setattr(sys, 'argv', [])", []),
        (
            "from doorward import hooks\n@mark.requirement('U-09', weak=True)\ndef t(p):\n    p.setattr(hooks, 'x', 0)",
            [],
        ),
        ("from doorward import hooks\n@mark.requirement('U-09')\ndef t(p):\n    p.setattr(hooks, 'x', 0)", [4]),
    ],
)
def test_a_look_inside_is_found_with_its_line(text, lines):
    assert check_privacy.looks_inside(text) == lines


@pytest.mark.parametrize(("listed", "code"), [(2, 0), (1, 1), (3, 1)])
def test_more_places_than_are_listed_fail_and_so_do_fewer(tmp_path, monkeypatch, listed, code):
    (tmp_path / "test_it.py").write_text("assert a._b\nassert c._d\n")
    (tmp_path / "attacks").mkdir()
    (tmp_path / "attacks" / "test_weak.py").write_text("assert a._b\n")
    (tmp_path / "listed.toml").write_text(f'[places]\n"test_it.py" = {listed}\n')
    monkeypatch.setattr(check_privacy, "TESTS", tmp_path)
    monkeypatch.setattr(check_privacy, "LISTED", tmp_path / "listed.toml")
    assert check_privacy.main() == code
