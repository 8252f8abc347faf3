"""Each check of `make attack` can fail."""

from dataclasses import replace

import pytest

from tests.attack_run.figures import Bounds, Figures, verdicts


def figures(**changes):
    return replace(Figures(tried=10, refused=10, stalls={"auth": 0.1, "mcp": 0.1}), **changes)


def test_figures_within_the_bounds_pass():
    assert verdicts(figures(), Bounds()) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"tried": 0, "refused": 0}, "no request"),
        ({"refused": 9, "accepted": ["x"]}, "1 not refused"),
        ({"faults": ["auth 500"]}, "5xx"),
        ({"stalls": {"auth": 0.1, "mcp": 1.6}}, "mcp stalled"),
        ({"stalls": {"auth": float("inf")}}, "auth stalled"),
        ({"stored_bytes": 3 << 20}, "store grew"),
        ({"peak_bytes": 32 << 20}, "memory grew"),
        ({"lines": 100}, "log lines"),
        ({"leaked": {"password"}}, "in the output: password"),
        ({"honest_failed": "an honest registration was answered 429"}, "honest"),
    ],
)
def test_each_figure_beyond_its_bound_is_named(changes, word):
    (found,) = verdicts(figures(**changes), Bounds())
    assert word in found
