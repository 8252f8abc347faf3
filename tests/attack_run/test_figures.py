"""Each check of `make attack` can fail."""

from dataclasses import replace

import pytest

from tests.attack_run.expectations import must_be_refused
from tests.attack_run.figures import HEAD, Bounds, Figures, row, verdicts
from tests.attack_run.target import Target
from tests.attack_run.used_secrets import UsedSecrets
from tests.fuzz.requests import FORM, Sent
from tests.support.canaries import CANARIES

BOUNDS = Bounds(frozenset({400}))


def figures(**changes):
    return replace(Figures(tried=10, refused=10, stalls={"auth": 0.1, "mcp": 0.1}), **changes)


def test_figures_within_the_bounds_pass():
    assert verdicts(figures(), BOUNDS) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"tried": 0, "refused": 0}, "no request"),
        ({"tried": 10, "refused": 0, "optional": 10}, "no request"),
        ({"refused": 9, "accepted": ["x"]}, "1 not refused"),
        ({"faults": ["auth 500"]}, "5xx"),
        ({"unanswered": ["auth GET"]}, "1 neither answered nor ended"),
        ({"stalls": {"auth": 0.1, "mcp": 1.6}}, "mcp stalled"),
        ({"stalls": {"auth": float("inf")}}, "auth stalled"),
        ({"stored_bytes": 3 << 20}, "store grew"),
        ({"peak_bytes": 32 << 20}, "memory grew"),
        ({"lines": 100}, "log lines"),
        ({"leaked": {"the output": {"password"}}}, "in the output: password"),
        ({"honest_failed": "an honest registration was answered 429"}, "honest"),
    ],
)
def test_each_figure_beyond_its_bound_is_named(changes, word):
    (found,) = verdicts(figures(**changes), BOUNDS)
    assert word in found


def test_a_flood_may_be_accepted_up_to_its_bound():
    bounds = replace(BOUNDS, burst=4, per_second=2)
    assert not verdicts(figures(refused=4, accepted=["x"] * 6, accepted_seconds=1.4), bounds)
    assert verdicts(figures(refused=3, accepted=["x"] * 7, accepted_seconds=1.4), bounds)


def test_a_figure_that_needs_access_to_the_processes_is_left_out_of_the_row():
    cells = dict(zip(HEAD.split(), row("json", "-", figures()).split(), strict=True))
    assert [cells[name] for name in ("store(KiB)", "peak(KiB)", "cpu(s)", "lines")] == ["-"] * 4


@pytest.mark.parametrize("url", ["http://192.0.2.1:9000", "https://localhost:9000", "http://auth.example:80/mcp", ""])
def test_another_machine_is_not_attacked(url):
    with pytest.raises(ValueError, match="this machine only"):
        Target(url, "http://localhost:9001/mcp")


GOOD = Sent("auth", "POST", "/token", (("code", "a-code"), ("scope", "x")), FORM, (("Authorization", "Basic x"),))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"parameters": (("code", "a-code"), ("scope", "y"))}, False),
        ({"parameters": (("code", "b-code"), ("scope", "x"))}, True),
        ({"parameters": (("scope", "x"),)}, True),
        ({"headers": ()}, True),
        ({"method": "BREW"}, True),
        ({"body": b"{"}, True),
    ],
)
def test_a_request_without_its_proof_must_be_refused(changes, expected):
    assert must_be_refused(GOOD, replace(GOOD, **changes)) is expected


class TestUsedSecrets:
    def test_a_secret_is_found_in_each_of_its_forms(self):
        secrets = UsedSecrets()
        secrets.add("password", "five words & a sign")
        secrets.add("token", "header." + "x" * 100 + "the-end-of-its-signature")
        assert secrets.found_in("?p=five+words+%26+a+sign") == {"password"}
        assert secrets.found_in("…xxxthe-end-of-its-signature!") == {"token"}
        assert secrets.found_in(CANARIES["session-cookie"]) == {"session-cookie"}

    def test_the_secrets_of_a_request_are_kept(self):
        secrets = UsedSecrets()
        secrets.add_all(
            [Sent("mcp", "POST", "/mcp", (("code", "c" * 20),), headers=(("Authorization", f"Bearer {'t' * 20}"),))]
        )
        assert secrets.found_in("t" * 20 + "c" * 20) == {"Authorization of mcp", "code"}

    def test_a_client_may_be_told_its_own_secret_but_by_no_refusal(self):
        secrets = UsedSecrets()
        secrets.add("client_secret", "s" * 20)
        assert secrets.found_in_answer(200, "s" * 20) == set()
        assert secrets.found_in_answer(400, "s" * 20) == {"client_secret"}
