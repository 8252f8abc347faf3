"""Directives of Cache-Control."""

import pytest

from shared.fetch.freshness import max_age_of


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        ("", None),
        ("no-store", None),
        ("max-age=600", 600),
        ("public,MAX-AGE = 0", 0),
        ('max-age="600", s-maxage=900', 600),
        ("s-maxage=900", None),
        ("x-max-age=600", None),
        ("max-age=-5", None),
        ("max-age=99999999999", None),
    ],
)
def test_max_age_is_read_as_a_private_cache_reads_it(cache_control, seconds):
    assert max_age_of(cache_control) == seconds
