"""The mutants that the attack rows name: enough of them, each one in its place, and a runner that says what it sees.

`make mutants` tries them; here it is only held that each of them can be tried.
"""

from __future__ import annotations

from collections import Counter

import pytest
from attacks.rows import ROWS

from mutation.named import Misfit, Named, load, misfits, read

EVERY = load()


def test_every_mutant_fits_its_module():
    assert misfits(EVERY) == []


@pytest.mark.parametrize("row", ROWS)
def test_a_row_names_at_least_three_mutants(row):
    assert len([each for each in EVERY if each.row == row]) >= 3


def test_no_mutant_is_of_an_unknown_row_and_none_is_there_twice():
    assert {each.row for each in EVERY} - ROWS.keys() == set()
    changes = Counter((each.row, each.module, each.old, each.new) for each in EVERY)
    assert [change for change, count in changes.items() if count > 1] == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("x = 3", "x = 4", "stands 0 times"),
        ("x", "y", "stands 2 times"),
        ("x = 1", "x = = 1", "is no Python"),
        ("x = 1", "x  =  1", "changes nothing"),
    ],
)
def test_a_mutant_that_does_not_fit_is_named_with_the_reason(old, new, said):
    mutant = Named("A-01", "oauth/uris.py", "a check", old, new)
    with pytest.raises(Misfit, match=f"A-01 a check: .*{said}"):
        mutant.put_into("x = 1\nprint(x)\n")


def test_a_mutant_whose_module_is_gone_is_named():
    (said,) = misfits([Named("A-01", "oauth/no_such_module.py", "a check", "x", "y")])
    assert said == "A-01 a check: there is no src/doorward/oauth/no_such_module.py"


@pytest.mark.parametrize(
    "text",
    [
        '[[A-01]]\nmodule = "a.py"\nwithout = "b"\nold = "c"\n',
        '[[A-01]]\nmodule = "a.py"\nwithout = "b"\nold = "c"\nnew = "d"\nrow = "A-02"\n',
        '[[A-01]]\nmodule = "a.py"\nwithout = 1\nold = "c"\nnew = "d"\n',
        '[[A-01]]\nmodule = "a.py"\nwithout = "b"\nold = "c"\nnew = "d"\n' * 2,
    ],
)
def test_a_mutant_that_is_written_down_wrongly_is_an_error(text):
    with pytest.raises(Misfit, match=r"^some\.toml: "):
        read(text, origin="some.toml")
