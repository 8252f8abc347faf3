"""Names that never resolve, supplied by an attacker: other clients' documents are still fetched in time."""

import asyncio
import socket
import threading
import time
from urllib.parse import urlencode

import pytest

from shared.fetch.ssrf_safe_client import TIMEOUT_SECONDS, FetchFailed
from tests.support import vendor_documents
from tests.support.named_hosts import NamedHosts

HONEST = "https://honest.example/client.json"
DOCUMENT = vendor_documents.document(HONEST, "Honest", ["https://honest.example/cb"])
PROMPT_SECONDS = 2.0
"""Far below a browser's patience, and far above what a fetch from this machine takes."""


def slow(number):
    return f"https://slow-{number}.example/client.json"


@pytest.fixture
async def hosts():
    async with NamedHosts() as running:
        running.serve_json(HONEST, DOCUMENT)
        yield running


@pytest.fixture
def hanging_names(monkeypatch, hosts):
    """The resolver of the system, which answers for every name but the slow ones."""
    released = threading.Event()

    def getaddrinfo(host, port, **_options):
        if host.startswith("slow-"):
            released.wait(2 * TIMEOUT_SECONDS)
            raise OSError("no answer")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield {"lookup": None}
    released.set()


def url_of(hosts, url):
    """The URL with the port of the host: its name is resolved by the resolver, not by the harness."""
    return url.replace(".example/", f".example:{hosts.port}/")


@pytest.mark.xfail(strict=True, reason="each of eight threads waits for a slow name")
async def test_eight_slow_names_do_not_delay_the_fetch_of_another(hosts, hanging_names):
    http = hosts.http_client(**hanging_names)
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
        http.close()
    assert {type(result) for result in results} == {FetchFailed}


async def lookup_of_hanging_names(hosts):
    async def lookup(host, port):
        if host.startswith("slow-"):
            await asyncio.Event().wait()
        return await hosts.lookup(host, port)

    return lookup


@pytest.fixture
async def service(start_auth, hosts):
    """A service behind a proxy, whose clients' hosts are played here."""
    http = hosts.http_client(lookup=await lookup_of_hanging_names(hosts))
    return await start_auth(TRUSTED_PROXIES="127.0.0.0/8,::1/128", public_fetch=http)


async def authorize(service, url, address):
    """The status of an authorization request by the client of this document."""
    parameters = {"client_id": url, "response_type": "code", "redirect_uri": "https://honest.example/cb"}
    answer = await service.get(f"/authorize?{urlencode(parameters)}", headers={"X-Forwarded-For": address})
    return answer.status


@pytest.mark.xfail(strict=True, reason="the fetches of all networks wait in one queue")
async def test_the_slow_hosts_of_one_network_do_not_delay_the_clients_of_another(service):
    attack = [asyncio.ensure_future(authorize(service, slow(number), "192.0.2.1")) for number in range(40)]
    await asyncio.sleep(0.5)
    started = time.monotonic()
    status = await authorize(service, HONEST, "198.51.100.1")
    seconds = time.monotonic() - started
    refused = await asyncio.gather(*attack)
    assert (status, seconds < PROMPT_SECONDS) == (303, True)
    assert 429 in refused
    assert set(refused) <= {429, 503}
