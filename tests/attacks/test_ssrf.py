"""Server-side request forgery by a client's URL (invariant 10; RFC 9700 has it in section 4.11.2's spirit, and
draft-ietf-oauth-client-id-metadata-document section 6): an attacker chooses the URL, and reaches nothing by it."""

import asyncio
import ssl
from ipaddress import ip_address

import pytest
from aiohttp import web

from auth_service.clients.cimd.document import CimdPolicy, check_cimd_url
from auth_service.protocol.errors import UnacceptableCimd
from shared.fetch.ssrf_safe_client import FetchFailed, FetchGone, SsrfSafeClient
from shared.ip_addresses import is_public, parse_ip_address
from tests.support.named_hosts import NamedHosts
from tests.support.tricky_urls import TRICKS

pytestmark = pytest.mark.invariant(10)

NOT_PUBLIC = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 127.0.0.1 127.1.2.3 127.255.255.255
169.254.0.1 169.254.169.254 169.254.170.2 168.63.129.16 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.170 192.0.0.192
192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1 198.18.0.1 198.19.255.255
198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1
64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 64:ff9b:1::8.8.8.8
100::1 100:0:0:1::1 2001::1 2001:0:7f00:1:: 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::
2002:808:808:: 2620:4f:8000::1 3ffe::1 3fff::1 5f00::1 4000::1 fc00::1 fd00::1 fd00:ec2::254 fe80::1 fe80::1%eth0
febf::1 fec0::1 ff00::1 ff02::1 2606:4700:0:0:0:5efe:7f00:1 2606:4700::200:5efe:a00:1
""".split()  # noqa: SIM905 - a table reads better than a list

PUBLIC = ["8.8.8.8", "160.79.104.1", "2606:4700::6810:84e5", "2a00:1450:4001:81d::200e", "::ffff:8.8.8.8",
          "64:ff9b::8.8.8.8"]  # fmt: skip


def test_the_corpus_is_large_enough():
    assert len(NOT_PUBLIC) >= 60


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(address):
    parsed = parse_ip_address(address)
    assert parsed is None or not is_public(parsed)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize("url", TRICKS)
def test_a_url_with_a_trick_is_refused_before_anything_is_looked_up(url):
    with pytest.raises(UnacceptableCimd):
        check_cimd_url(url, CimdPolicy())


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost.evil.example/c.json",
        "http://localhost.evil.example:80/c.json",
        "http://127.0.0.2/c.json",
        "http://10.0.0.1/c.json",
        "http://192.168.0.1/c.json",
        "http://[::2]/c.json",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_the_development_switch_opens_this_machine_and_no_other(url):
    policy = CimdPolicy(loopback=True, deny=(".evil.example",))
    check_cimd_url("http://localhost:4000/c.json", policy)
    check_cimd_url("http://127.0.0.1:4000/c.json", policy)
    check_cimd_url("http://[::1]:4000/c.json", policy)
    with pytest.raises(UnacceptableCimd):
        check_cimd_url(url, policy)


def fixed(*answers):
    async def lookup(_host, port):
        return [(address, port) for address in answers]

    return lookup


@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_a_name_that_resolves_to_an_address_that_is_not_public_is_not_connected_to(address):
    with pytest.raises(FetchFailed, match="may be reached"):
        await SsrfSafeClient(lookup=fixed(address)).get("https://client.example/c.json", max_bytes=5120)


@pytest.mark.parametrize("answers", [("8.8.8.8", "127.0.0.1"), ("127.0.0.1", "8.8.8.8"), ("2606:4700::1", "::1")])
async def test_one_bad_answer_of_the_resolver_refuses_the_name(answers):
    with pytest.raises(FetchFailed, match="may be reached"):
        await SsrfSafeClient(lookup=fixed(*answers)).get("https://client.example/c.json", max_bytes=5120)


@pytest.mark.parametrize("url", ["https://127.0.0.1:{}/c.json", "https://[::ffff:127.0.0.1]:{}/c.json"])
async def test_an_ip_address_in_the_url_is_refused_at_the_socket(url):
    """The HTTP library asks no resolver for a literal: the check at the socket refuses it."""
    async with NamedHosts() as hosts:
        with pytest.raises(FetchFailed):
            await hosts.http_client(allowed=is_public).get(url.format(hosts.port), max_bytes=5120)
        assert hosts.requests == []


async def test_rebinding_between_check_and_connect_changes_nothing():
    """The name points elsewhere after the check: what was checked is what is connected to, and it is asked once."""
    async with NamedHosts() as hosts:
        hosts.serve_json("https://rebind.example/c.json", {"secret": True})
        asked = []

        async def rebinding(host, port):
            asked.append(host)
            # A documentation address stands for the attacker's own public host; the second answer is the target.
            return [("192.0.2.1", port)] if len(asked) == 1 else [("127.0.0.1", hosts.port)]

        def allowed(address):
            return str(address) == "192.0.2.1"

        with pytest.raises(FetchFailed):
            await hosts.http_client(lookup=rebinding, allowed=allowed, timeout_seconds=0.5).get(
                "https://rebind.example/c.json", max_bytes=5120
            )
        assert (asked, hosts.requests) == (["rebind.example"], [])


async def test_an_address_that_turns_bad_after_the_check_of_the_answers_is_refused_at_the_socket():
    """As by a resolver that rebinds for one caller: the check is repeated for the address that the socket gets."""
    verdicts = iter([True, False])
    async with NamedHosts() as hosts:
        with pytest.raises(FetchFailed, match="may be reached"):
            await hosts.http_client(allowed=lambda _address: next(verdicts)).get(
                "https://a.example/c.json", max_bytes=5120
            )
        assert hosts.requests == []


async def test_a_peer_that_is_not_the_address_that_was_checked_gets_no_request():
    """Even a connection that is open already is looked at before the request is sent."""
    verdicts = iter([True, True, False])
    async with NamedHosts() as hosts:
        with pytest.raises(FetchFailed, match="may be reached"):
            await hosts.http_client(allowed=lambda _address: next(verdicts)).get(
                "https://a.example/c.json", max_bytes=5120
            )
        assert hosts.requests == []


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status):
    url, target = "https://a.example/c.json", "https://inside.example/metadata"
    async with NamedHosts() as hosts:
        hosts.pages[url] = lambda _request: web.Response(status=status, headers={"Location": target})
        hosts.serve_json(target, {})
        with pytest.raises(FetchFailed, match=f"status {status}"):
            await hosts.http_client().get(url, max_bytes=5120)
        assert hosts.requests == [url]


@pytest.mark.parametrize("status", [201, 204, 206, 400, 401, 403, 404, 410, 418, 429, 500, 503])
async def test_no_status_but_200_is_accepted(status):
    url = "https://a.example/c.json"
    async with NamedHosts() as hosts:
        hosts.pages[url] = lambda _request: web.Response(status=status, body=None if status == 204 else b"{}")
        with pytest.raises(FetchGone if status in {404, 410} else FetchFailed):
            await hosts.http_client().get(url, max_bytes=5120)


async def test_the_size_is_bounded_whether_it_is_announced_or_not():
    url = "https://a.example/c.json"

    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(10_000):
            await response.write(b"a" * 1024)
        return response

    async with NamedHosts() as hosts:
        hosts.pages[url] = lambda _request: web.Response(body=b"a" * 5121)
        with pytest.raises(FetchFailed, match="5121 bytes announced"):
            await hosts.http_client().get(url, max_bytes=5120)
        hosts.pages[url] = endless
        with pytest.raises(FetchFailed, match="more than 5120"):
            await hosts.http_client().get(url, max_bytes=5120)
        hosts.pages[url] = lambda _request: web.Response(body=b"a" * 5120)
        assert len((await hosts.http_client().get(url, max_bytes=5120)).body) == 5120


async def test_the_time_is_bounded_for_connecting_headers_and_body_together():
    url = "https://a.example/c.json"
    never = asyncio.Event()

    async def drip(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await never.wait()
        return response

    async def slow_lookup(_host, _port):
        await never.wait()

    async with NamedHosts() as hosts:
        hosts.pages[url] = drip
        with pytest.raises(FetchFailed, match="within"):
            await hosts.http_client(timeout_seconds=0.3).get(url, max_bytes=5120)
        with pytest.raises(FetchFailed, match="within"):
            await hosts.http_client(timeout_seconds=0.1, lookup=slow_lookup).get(url, max_bytes=5120)


async def test_a_compressed_answer_is_refused_so_that_nothing_can_unfold():
    url = "https://a.example/c.json"
    async with NamedHosts() as hosts:
        hosts.pages[url] = lambda _request: web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
        with pytest.raises(FetchFailed, match="compressed"):
            await hosts.http_client().get(url, max_bytes=5120)


async def test_a_certificate_of_another_authority_or_name_is_refused():
    url = "https://a.example/c.json"
    async with NamedHosts() as hosts, NamedHosts() as others:
        others.serve_json(url, {})
        with pytest.raises(FetchFailed, match=r"(?i)certificate"):
            await hosts.http_client(lookup=others.lookup).get(url, max_bytes=5120)
        for authorities_of_the_system in (ssl.create_default_context(), None):
            with pytest.raises(FetchFailed, match=r"(?i)certificate"):
                await others.http_client(tls=authorities_of_the_system).get(url, max_bytes=5120)
        assert others.requests == []


async def test_no_proxy_cookie_or_credential_of_the_environment_is_used(monkeypatch, tmp_path):
    url = "https://a.example/c.json"
    netrc = tmp_path / "netrc"
    netrc.write_text("machine a.example login root password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    seen = []

    def answer(request):
        seen.append(request.headers)
        return web.json_response({}, headers={"Set-Cookie": "a=b; Path=/"})

    async with NamedHosts() as hosts:
        hosts.pages[url] = answer
        fetch = hosts.http_client()
        await fetch.get(url, max_bytes=5120)
        await fetch.get(url, max_bytes=5120)
    for headers in seen:
        assert "Authorization" not in headers
        assert "Cookie" not in headers
        assert headers["Accept-Encoding"] == "identity"


async def test_few_fetches_of_one_host_run_at_once():
    """A thousand URLs of one host do not flood it."""
    running, most, release = 0, 0, asyncio.Event()

    async def slow(_request):
        nonlocal running, most
        running += 1
        most = max(most, running)
        if most == 2:
            release.set()
        await release.wait()
        running -= 1
        return web.json_response({})

    async with NamedHosts() as hosts:
        urls = [f"https://victim.example/{n}" for n in range(12)]
        hosts.pages = dict.fromkeys(urls, slow)
        fetch = hosts.http_client()
        await asyncio.gather(*(fetch.get(url, max_bytes=5120) for url in urls))
    assert most == 2
