"""The arithmetic of the benchmarks: medians, quartiles, and ratios of neighbours."""

import os

from tests.benchmarks.cores import this_process_on, two_cores
from tests.benchmarks.harness import Report, Spread, Turns, in_turns


def test_a_ratio_is_the_median_of_the_ratios_of_neighbours_and_not_the_ratio_of_medians():
    turns = Turns(((1.0, 2.0), (9.0, 3.0), (2.0, 8.0)))
    assert (turns.subject, turns.yardstick) == (2.0, 3.0)
    assert turns.ratio == 0.5
    assert turns.differences.median == -1.0


def test_quartiles_surround_the_median_even_of_a_single_value():
    assert Spread.of([4.0, 1.0, 2.0, 3.0, 5.0]) == Spread(2.0, 3.0, 4.0)
    assert Spread.of([7.0]) == Spread(7.0, 7.0, 7.0)
    assert Spread.of([1.0, 2.0, 3.0]) * 1000 == Spread(1500.0, 2000.0, 2500.0)


def test_a_row_has_the_aim_the_median_and_the_quartiles_and_says_where_the_aim_is_missed():
    report = Report()
    report.add("a figure", Spread(0.5, 0.75, 0.8), at_least=1, detail="3 against 4")
    report.add("another", 2.0, unit="µs", at_most=3)
    assert report.table().splitlines()[2:] == [
        "| a figure | ≥ 1×, missed | 0.75× | 0.5 – 0.8 | 3 against 4 |",
        "| another | ≤ 3 µs | 2 µs |  |  |",
    ]


async def test_the_order_of_the_two_changes_from_turn_to_turn():
    order = []

    def measuring(name, cost):
        async def turn():
            order.append(name)
            return cost

        return turn

    turns = await in_turns(measuring("subject", 6.0), measuring("yardstick", 2.0), rounds=3)
    assert turns.pairs == ((6.0, 2.0),) * 3
    assert order == ["subject", "yardstick", "yardstick", "subject", "subject", "yardstick"]


async def test_the_client_returns_to_the_cores_that_it_had():
    before = os.sched_getaffinity(0)
    for core in two_cores():
        with this_process_on(core):
            assert os.sched_getaffinity(0) == {core}
    assert os.sched_getaffinity(0) == before


def test_a_failed_figure_is_a_row_that_says_why(capsys):
    report = Report()
    report.add_failed("a figure", TimeoutError())
    assert "| a figure |  | not measured |  | TimeoutError:  |" in report.table()
    assert "TimeoutError" in capsys.readouterr().err
