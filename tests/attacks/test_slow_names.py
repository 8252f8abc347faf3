"""Names that never resolve, supplied by an attacker: other clients' documents are still fetched in time."""

import asyncio
import time
from urllib.parse import urlencode

import pytest

from shared.fetch import ssrf_safe_client
from shared.fetch.dns_lookup import DnsLookup
from shared.fetch.ssrf_safe_client import FetchFailed, FetchNotAttempted
from tests.support import vendor_documents
from tests.support.local_dns import LocalDns
from tests.support.named_hosts import NamedHosts

HONEST = "https://honest.example/client.json"
DOCUMENT = vendor_documents.document(HONEST, "Honest", ["https://honest.example/cb"])
PROMPT_SECONDS = 2.0
"""Far below a browser's patience, and far above what a fetch from this machine takes."""
FETCH_SECONDS = PROMPT_SECONDS + 1
"""A request that waits for a slow fetch takes longer than PROMPT_SECONDS."""


def slow(number):
    return f"https://slow-{number}.example/client.json"


@pytest.fixture
async def hosts():
    async with NamedHosts() as running:
        running.serve_json(HONEST, DOCUMENT)
        yield running


@pytest.fixture
async def hanging_names():
    """A name server that answers for every name but the slow ones."""
    async with LocalDns(silent="slow-") as dns:
        lookup = DnsLookup(nameservers=[dns.nameserver])
        yield {"lookup": lookup}
        await lookup.close()


def url_of(hosts, url):
    """The URL with the port of the host: its name is resolved by the resolver, not by the harness."""
    return url.replace(".example/", f".example:{hosts.port}/")


async def test_eight_slow_names_do_not_delay_the_fetch_of_another(hosts, hanging_names):
    http = hosts.http_client(**hanging_names, timeout_seconds=FETCH_SECONDS)
    honest = url_of(hosts, HONEST)
    hosts.serve_json(honest, DOCUMENT)
    attack = [asyncio.ensure_future(http.get(slow(number), max_bytes=5120)) for number in range(8)]
    await asyncio.sleep(0.1)
    started = time.monotonic()
    try:
        await http.get(honest, max_bytes=5120)
        assert time.monotonic() - started < PROMPT_SECONDS
    finally:
        results = await asyncio.gather(*attack, return_exceptions=True)
    assert {type(result) for result in results} == {FetchFailed}


async def test_a_cancelled_lookup_frees_its_place(hosts, hanging_names):
    """Hundreds of names, one after the other: the deadline ends each, and the next finds its turn."""
    http = hosts.http_client(**hanging_names, timeout_seconds=0.2)
    for _ in range(3):
        attack = [http.get(slow(number), max_bytes=5120) for number in range(ssrf_safe_client.MAX_CONCURRENT)]
        results = await asyncio.gather(*attack, return_exceptions=True)
        assert {type(result) for result in results} == {FetchFailed}
    honest = url_of(hosts, HONEST)
    hosts.serve_json(honest, DOCUMENT)
    await hosts.http_client(**hanging_names).get(honest, max_bytes=5120)


async def test_a_fetch_without_a_turn_is_told_apart_from_a_host_that_failed(hosts, hanging_names, monkeypatch):
    monkeypatch.setattr(ssrf_safe_client, "MAX_CONCURRENT", 1)
    monkeypatch.setattr(ssrf_safe_client, "TURN_SECONDS", 0.1)
    http = hosts.http_client(**hanging_names, timeout_seconds=0.5)
    first = asyncio.ensure_future(http.get(slow(0), max_bytes=5120))
    await asyncio.sleep(0)
    with pytest.raises(FetchNotAttempted):
        await http.get("https://slow-1.example/client.json", max_bytes=5120)
    with pytest.raises(FetchFailed):
        await first


async def lookup_of_hanging_names(hosts):
    async def lookup(host, port):
        if host.startswith("slow-"):
            await asyncio.Event().wait()
        return await hosts.lookup(host, port)

    return lookup


@pytest.fixture
async def service(start_auth, hosts):
    """A service behind a proxy, whose clients' hosts are played here."""
    http = hosts.http_client(lookup=await lookup_of_hanging_names(hosts), timeout_seconds=FETCH_SECONDS)
    return await start_auth(TRUSTED_PROXIES="127.0.0.0/8,::1/128", public_fetch=http)


KNOWN = 400
"""The request lacks a code challenge: the status shows that its client was found."""


async def authorize(service, url, address):
    """The status of an authorization request by the client of this document."""
    parameters = {"client_id": url, "response_type": "code", "redirect_uri": "https://honest.example/cb"}
    answer = await service.get(f"/authorize?{urlencode(parameters)}", headers={"X-Forwarded-For": address})
    return answer.status


async def test_the_slow_hosts_of_one_network_do_not_delay_the_clients_of_another(service):
    attack = [asyncio.ensure_future(authorize(service, slow(number), "192.0.2.1")) for number in range(40)]
    await asyncio.sleep(0.5)
    started = time.monotonic()
    status = await authorize(service, HONEST, "198.51.100.1")
    seconds = time.monotonic() - started
    refused = await asyncio.gather(*attack)
    assert (status, seconds < PROMPT_SECONDS) == (KNOWN, True)
    assert 429 in refused
    assert set(refused) <= {429, 503}


@pytest.mark.long
async def test_an_ipv6_site_is_one_network_however_many_subnets_it_uses(service):
    attack = (authorize(service, slow(number), f"2001:db8:1:{number:x}::1") for number in range(40))
    assert 429 in await asyncio.gather(*attack)


async def test_a_known_client_is_served_while_its_network_is_over_its_limit(service, hosts):
    """The attacker shares the address of the honest user."""
    hosts.serve_json(HONEST, DOCUMENT, Cache_Control="no-cache")
    assert await authorize(service, HONEST, "192.0.2.1") == KNOWN
    attack = [asyncio.ensure_future(authorize(service, slow(number), "192.0.2.1")) for number in range(40)]
    await asyncio.sleep(0.5)
    service.monotonic.ahead += 3600
    assert await authorize(service, HONEST, "192.0.2.1") == KNOWN
    await asyncio.gather(*attack)
