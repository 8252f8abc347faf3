"""Live controls: the row of a kind passes, and reports it when the rule that the kind attacks is switched off."""

from contextlib import asynccontextmanager

import pytest
from aiohttp import web

import shared.http.application
from shared.http.connections import ConnectionTable
from shared.http.server import Connection
from tests.attack_run.figures import verdicts
from tests.attack_run.kinds import KINDS
from tests.attack_run.play import play
from tests.attack_run.target import Target
from tests.e2e.local_pair import LocalPair

PROXIES = "127.0.0.0/8,::1/128"


@asynccontextmanager
async def target(**own):
    async with LocalPair(AUTH_TRUSTED_PROXIES=PROXIES, **own) as pair:
        yield Target(pair.issuer, pair.resource)


async def verdict(kind, **own):
    async with target(**own) as attacked:
        return " ".join(verdicts(await play(kind, attacked, answer_seconds=5), KINDS[kind].bounds))


def accept_codings(monkeypatch):
    monkeypatch.setattr(shared.http.application, "_check_codings", lambda _request: None)


def accept_every_connection(monkeypatch):
    monkeypatch.setattr(ConnectionTable, "enter", lambda *_args: True)


def quote_the_request(monkeypatch):
    for name in ("_make_error_handler", "handle_error"):
        monkeypatch.setattr(Connection, name, getattr(web.RequestHandler, name))


def by_setting(_monkeypatch):
    """Change nothing: a setting switches the rule off."""


CONTROLS = [
    ("compressed", accept_codings, {}, "not refused"),
    ("connections", accept_every_connection, {}, "600 not refused, at most 512"),
    ("raw", quote_the_request, {}, "in the answers: access-token"),
    ("register-flood", by_setting, {"AUTH_RATE_LIMITS": "off"}, "not refused, at most 12"),
]


@pytest.mark.parametrize(("kind", "switch_off", "own", "word"), CONTROLS, ids=[kind for kind, *_ in CONTROLS])
async def test_a_rule_that_is_switched_off_fails_its_kind(kind, switch_off, own, word, monkeypatch):
    switch_off(monkeypatch)
    assert word in await verdict(kind, **own)


async def test_the_same_kinds_pass_with_their_rules():
    async with target() as attacked:
        for kind in ("compressed", "raw"):
            assert verdicts(await play(kind, attacked), KINDS[kind].bounds) == []
