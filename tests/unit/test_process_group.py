"""When a process that ended is started again."""

from shared.http.process_group import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, STEADY_SECONDS, next_pause


def test_the_first_pause_is_short():
    assert next_pause(0, lived_seconds=0.1) == FIRST_PAUSE_SECONDS


def test_while_it_ends_soon_the_pause_doubles_up_to_a_limit():
    pauses = [0.0]
    for _ in range(8):
        pauses.append(next_pause(pauses[-1], lived_seconds=1))
    assert pauses[1:5] == [1, 2, 4, 8]
    assert pauses[-2:] == [LONGEST_PAUSE_SECONDS] * 2


def test_after_a_steady_life_the_pause_is_short_again():
    assert next_pause(LONGEST_PAUSE_SECONDS, lived_seconds=STEADY_SECONDS) == FIRST_PAUSE_SECONDS
