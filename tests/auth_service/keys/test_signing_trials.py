"""Where signatures are made: beside the event loop as long as a core is free for it, and nowhere else."""

from dataclasses import dataclass

import pytest

from auth_service.keys.signing_trials import CHECK_SECONDS, REST_SECONDS, SigningTrials, Turn


@dataclass
class Throughput:
    """Signatures per second, and the cores in use, while signatures are made on one thread."""

    per_second: float
    cores: float


ALONE = Throughput(per_second=2500, cores=1.0)
FREE_CORE = Throughput(per_second=3400, cores=1.5)
NO_FREE_CORE = Throughput(per_second=2200, cores=1.0)


class Machine:
    """Makes signatures where it is told to, by a clock of its own."""

    def __init__(self, *, cores=2):
        self.now = 1000.0
        self._used = 0.0
        self._trials = SigningTrials(cores=cores, process_time=lambda: self._used)
        self._turn = Turn(in_thread=False, until=0.0)
        self._signatures = 0

    def run(self, seconds, thread, *, alone=ALONE):
        """Sign for so long; for each signature whether it was made in the thread."""
        until, in_thread = self.now + seconds, []
        while self.now < until:
            if self.now >= self._turn.until:
                self._turn, self._signatures = self._trials.next_turn(self.now, self._signatures), 0
            self._signatures += 1
            measured = thread if self._turn.in_thread else alone
            self.now += 1 / measured.per_second
            self._used += measured.cores / measured.per_second
            in_thread.append(self._turn.in_thread)
        return in_thread


def share(in_thread):
    return sum(in_thread) / len(in_thread)


def test_signatures_are_made_in_the_thread_where_a_core_is_free():
    machine = Machine()
    machine.run(1, FREE_CORE)
    assert share(machine.run(60, FREE_CORE)) > 0.95


def test_trials_cost_next_to_nothing_where_no_core_is_free():
    assert share(Machine().run(60, NO_FREE_CORE)) < 0.03


@pytest.mark.parametrize(
    "thread",
    [
        pytest.param(Throughput(per_second=2500, cores=1.4), id="no more signatures"),
        pytest.param(Throughput(per_second=2600, cores=1.4), id="hardly more signatures"),
        # Two threads of one process get more of a core that everybody wants, at the cost of the others.
        pytest.param(Throughput(per_second=3400, cores=1.0), id="no other core"),
    ],
)
def test_the_thread_needs_both_a_core_and_a_gain(thread):
    machine = Machine()
    machine.run(1, thread)
    assert not any(machine.run(REST_SECONDS - 1, thread))


def test_a_core_that_is_lost_is_noticed_within_a_second():
    machine = Machine()
    machine.run(2, FREE_CORE)
    machine.run(2 * CHECK_SECONDS, NO_FREE_CORE)
    assert not any(machine.run(1, NO_FREE_CORE))


def test_a_core_that_becomes_free_is_noticed_by_the_next_trial():
    machine = Machine()
    machine.run(20, NO_FREE_CORE)
    machine.run(REST_SECONDS + 1, FREE_CORE)
    assert all(machine.run(1, FREE_CORE))


def test_a_thread_that_is_in_use_stays_while_it_gains_a_little():
    machine = Machine()
    machine.run(2, FREE_CORE)
    a_little = Throughput(per_second=ALONE.per_second * 1.04, cores=1.3)
    assert share(machine.run(60, a_little)) > 0.95


def test_a_single_client_is_answered_without_the_thread():
    machine = Machine()
    machine.run(2, FREE_CORE)
    waiting = Throughput(per_second=700, cores=0.7)
    machine.run(2 * CHECK_SECONDS, waiting, alone=waiting)
    assert share(machine.run(60, waiting, alone=waiting)) < 0.03


def test_few_signatures_are_never_made_in_the_thread():
    rare = Throughput(per_second=50, cores=0.1)
    assert not any(Machine().run(60, rare, alone=rare))


def test_a_process_with_one_core_tries_nothing():
    assert not any(Machine(cores=1).run(60, FREE_CORE))
