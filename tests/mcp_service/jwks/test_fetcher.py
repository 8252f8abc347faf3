"""A fetch of keys compares the clock of the guard with that of the issuer."""

import time

import pytest


@pytest.mark.parametrize("ahead", [-60, 60])
async def test_a_guard_whose_clock_differs_from_that_of_the_issuer_warns_when_it_starts(make_service, ahead):
    service = await make_service(clocks={"clock": lambda: time.time() + ahead})
    (warning,) = [line for line in service.logs if line["event"] == "clock_skew"]
    assert (warning["log_level"], warning["reference"]) == ("warning", "issuer")
    assert abs(warning["seconds"] - ahead) < 5


async def test_a_guard_whose_clock_agrees_does_not_warn(service):
    assert not [line for line in service.logs if line["event"] == "clock_skew"]
