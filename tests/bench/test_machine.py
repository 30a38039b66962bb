from __future__ import annotations

import pytest

from bench.machine import load, optimisation, options, processor


@pytest.mark.parametrize(
    ("configured", "expected"),
    [
        ("'--enable-shared'", "configured without --enable-optimizations or --with-lto"),
        ("'--enable-optimizations' '--with-lto'", "configured with --enable-optimizations and --with-lto"),
        ("'--enable-optimizations'", "configured with --enable-optimizations, without --with-lto"),
    ],
)
def test_the_options_that_make_an_interpreter_faster_are_named(configured: str, expected: str) -> None:
    assert options(configured) == expected


@pytest.mark.parametrize(
    ("flags", "expected"), [("-O0 -g -O3 -Wall", "-O3"), ("-g -O2", "-O2"), ("-g", "no optimisation level")]
)
def test_the_last_optimisation_level_counts(flags: str, expected: str) -> None:
    assert optimisation(flags) == expected


def test_the_processor_is_named_as_the_kernel_names_it() -> None:
    assert processor("vendor_id\t: X\nmodel name\t: EPYC 7: large\nmodel name\t: other\n") == "EPYC 7: large"
    assert processor("Hardware : something\n") == ""


def test_a_busy_machine_is_named_as_one() -> None:
    assert load(1.94, cores=2) == "load average 1.94 at the start"
    assert load(2.0, cores=2) == (
        "load average 2.00 at the start: other work is running, so no ratio here is to be trusted"
    )
