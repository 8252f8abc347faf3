import pytest

from auth_service.pages.formatting import duration, relative_time, timestamp

NOW = 1_795_415_400  # 2026-11-23T06:30:00Z


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (86_399, "23 hours ago"),
        (86_400, "1 day ago"),
        (30 * 86_400, "30 days ago"),
        (31 * 86_400, "23 October 2026"),
        (365 * 86_400, "23 November 2025"),
    ],
)
def test_time_passed_is_told_in_words(seconds, words):
    assert relative_time(NOW - seconds, NOW) == words


def test_programs_read_the_time_in_utc():
    assert timestamp(NOW + 0.9) == "2026-11-23T06:30:00Z"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (60, (1, "minute")),
        (90, (1, "minute")),
        (3600, (1, "hour")),
        (5400, (90, "minute")),
        (7200, (2, "hour")),
        (86_400, (1, "day")),
        (36 * 3600, (36, "hour")),
        (2 * 86_400 + 1, (2, "day")),
        (180 * 86_400, (180, "day")),
    ],
)
def test_a_duration_is_told_in_the_largest_unit_that_says_enough(seconds, told):
    assert duration(seconds) == told
