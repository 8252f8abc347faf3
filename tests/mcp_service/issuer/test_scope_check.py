"""The guard says which of its scopes the issuer does not list, and stays ready."""

import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from mcp_service.issuer.scope_check import IssuerScopeCheck
from mcp_service.issuer.scope_check import difference_note as note

SCOPES = ("n:read", "n:write")


def advertise(issuer, *scopes):
    issuer.metadata = {"issuer": issuer.url, "scopes_supported": [*scopes, "openid", "others:read"]}


def make_check(issuer, registry=None):
    return IssuerScopeCheck(
        SCOPES, issuer=issuer.url, registry=registry or CollectorRegistry(), log=structlog.get_logger()
    )


async def test_scopes_that_the_issuer_lists_are_no_impairment(issuer):
    advertise(issuer, *SCOPES)
    check = make_check(issuer)
    assert await check.check() is True
    assert (await check.readiness()).impaired is False
    await check.stop()


async def test_a_scope_that_the_issuer_does_not_list_is_a_note_and_told_once(issuer):
    advertise(issuer, "n:read")
    registry = CollectorRegistry()
    check = make_check(issuer, registry)
    with capture_logs() as entries:
        for _ in range(2):
            await check.check()
        readiness = await check.readiness()
        advertise(issuer, *SCOPES)
        await check.check()
    assert (readiness.ready, readiness.impaired) == (True, True)
    assert readiness.note == "the issuer does not list n:write: no client can get it"
    assert [entry["event"] for entry in entries] == ["issuer_scopes_differ", "issuer_scopes_agree"]
    assert registry.get_sample_value("sallyport_scopes_unknown_to_issuer") == 0
    await check.stop()


async def test_an_issuer_that_lists_none_of_them_leaves_the_guard_ready(issuer):
    """Every replica has the same scope map, and an issuer may leave scopes out (RFC 8414 section 2)."""
    advertise(issuer)
    check = make_check(issuer)
    await check.check()
    readiness = await check.readiness()
    assert (readiness.ready, readiness.impaired) == (True, True)
    assert "any scope of this server" in readiness.note
    await check.stop()


async def test_what_is_known_stays_while_the_issuer_does_not_tell(issuer):
    advertise(issuer, "n:read")
    check = make_check(issuer)
    await check.check()
    for metadata in (None, {"issuer": issuer.url}, {"issuer": "https://other.example", "scopes_supported": []}):
        issuer.metadata = metadata
        assert await check.check() is False
        assert (await check.readiness()).impaired
    await check.stop()


async def test_an_issuer_that_never_told_is_no_impairment(issuer):
    check = make_check(issuer)
    with capture_logs() as entries:
        for _ in range(2):
            assert await check.check() is False
    assert not (await check.readiness()).impaired
    assert [entry["event"] for entry in entries] == ["issuer_scopes_not_compared"]
    await check.stop()


def test_no_difference_has_no_note():
    assert note((), SCOPES) == ""
