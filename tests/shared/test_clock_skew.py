"""The alarm on clock skew, against Redis and against the Date of an issuer."""

import time

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from auth_service.http.redis_clock import RedisClockCheck
from mcp_service.jwks.fetcher import issuer_time
from shared.clock_skew import LIMIT_SECONDS, ClockSkew
from shared.errors import RedisUnavailable


class Clock:
    ahead = 0.0

    def __call__(self):
        return time.time() + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def skew(registry, clock):
    return ClockSkew(registry, structlog.get_logger(), reference="redis", clock=clock)


def measured(registry):
    return registry.get_sample_value("sallyport_clock_skew_seconds")


@pytest.mark.store
@pytest.mark.parametrize("ahead", [-60, 60])
async def test_a_clock_that_differs_from_that_of_redis_is_measured_and_warned_of_once(
    store, skew, clock, registry, ahead
):
    check = RedisClockCheck(store, skew)
    with capture_logs() as logs:
        for clock.ahead in (0, ahead, ahead, 0, 0):
            await check.check()
            assert abs(measured(registry) - clock.ahead) < 1
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("clock_skew", "warning"),
        ("clock_skew_ended", "info"),
    ]


class Primaries:
    """A cluster whose primaries give these answers."""

    def __init__(self, *answers):
        self.answers = answers

    async def command_on_primaries(self, *_args):
        return self.answers


async def test_of_several_primaries_the_one_that_differs_most_counts(registry):
    skew = ClockSkew(registry, structlog.get_logger(), reference="redis", clock=lambda: 1000.0)
    redis = Primaries((1001, 0), (930, 500_000), RedisUnavailable("away"))
    await RedisClockCheck(redis, skew).check()  # type: ignore[arg-type]  # it answers one command only
    assert measured(registry) == 69.5


async def test_half_of_the_round_trip_is_taken_off(registry):
    times = iter([1000.0, 1002.0])
    skew = ClockSkew(registry, structlog.get_logger(), reference="redis", clock=lambda: next(times))
    await RedisClockCheck(Primaries((1001, 0)), skew).check()  # type: ignore[arg-type]  # it answers one command only
    assert measured(registry) == 0


@pytest.mark.parametrize("seconds", [LIMIT_SECONDS, -LIMIT_SECONDS])
def test_the_limit_itself_is_no_warning(skew, seconds):
    with capture_logs() as logs:
        skew.report(seconds)
    assert logs == []


DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("date", "age", "expected"),
    [
        (DATE, "", 784111777.5),
        (DATE, "120", 784111897.5),
        (DATE, "-1", 784111777.5),
        (DATE, "soon", 784111777.5),
        ("", "", None),
        ("yesterday", "5", None),
        ("Sun, 99 Nov 99999 08:49:37 GMT", "", None),
    ],
)
def test_the_time_of_an_issuer_is_its_date_and_the_age_of_the_response(date, age, expected):
    assert issuer_time(date, age) == expected
