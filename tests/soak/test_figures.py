"""The figures of a soak are what was measured."""

import math

from tests.soak.figures import HEAD, Attack, Growth, Honest, Tries, p99, row


def test_the_99th_percentile_is_a_value_that_was_measured():
    assert p99([n / 1000 for n in range(1, 201)]) == 198
    assert p99([0.5]) == 500
    assert math.isnan(p99([]))


def test_a_failure_is_counted_in_its_column_and_named():
    honest = Honest(calls=Tries([0.1] * 9, ["503"]), refreshes=Tries([0.2]), known=Tries([], ["429"]))
    line = row("x", Attack(10, {2: 5, 3: 5, 4: 80, 0: 10}), Honest(), honest, Growth((1 << 20, 0), (0, 0), 2048))
    cells = dict(zip(HEAD.splitlines()[0].split(" | "), line.split(" | "), strict=True))
    assert cells["accepted/refused/5xx/no answer"] == "10/80/0/10"
    assert cells["calls failed"] == "1 of 10"
    assert cells["refreshes failed"] == "0 of 1"
    assert cells["known owners in, p99 (ms)"] == "0 of 1, nan"
    assert honest.failures() == ["call: 503", "known owner: 429"]
