"""The table of limits, and that the documentation shows the same."""

import re
from pathlib import Path

import pytest

from auth_service.rate_limits.policy import LIMITS, Backend
from shared.rates import SHARED_NETWORK_FACTOR

PAGE = (Path(__file__).parents[3] / "docs" / "rate-limits.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_the_page_shows_every_limit_with_its_numbers(limit):
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{limit.name}` |"))
    _, _, _, rate, burst, backend, away, _ = (cell.strip() for cell in row.split("|"))
    unit = {1: "second", 60: "minute"}[limit.rate.seconds]
    assert rate == f"{limit.rate.requests} a {unit}"
    assert burst == str(limit.rate.burst)
    assert backend == limit.backend.value
    assert away == {Backend.MEMORY: "holds", Backend.REDIS: "503"}[limit.backend]


def test_the_page_shows_no_limit_that_is_gone():
    named = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert named == {limit.name for limit in LIMITS}


def test_the_wider_allowance_is_as_the_page_says():
    assert SHARED_NETWORK_FACTOR == 20
    assert "twenty times wider" in PAGE
