"""Malformed requests: each gets the right error, never a 500, never a 503, and consumes nothing."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from auth_service.http import messages

FORM = "application/x-www-form-urlencoded"
FORM_ENDPOINTS = ["/token", "/token/introspect", "/token/revoke", "/sign-in", "/consent"]


async def send(auth, path, body, *, content_type=FORM, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await auth.request("POST", path, data=body, headers={"Content-Type": content_type} | named)


def check_of(auth, answer):
    return auth.log_of(answer.headers["X-Request-Id"])["error_id"]


@asynccontextmanager
async def connected(auth):
    reader, writer = await asyncio.open_connection("127.0.0.1", auth.server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def raw(auth, request):
    """Send bytes as they are; answers the status and everything that came back."""
    async with connected(auth) as (reader, writer):
        writer.write(request)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(65_536), 10)
    return int(answer.split(b" ", 2)[1]), answer


class TestForms:
    """RFC 6749 section 3.2 and appendix B."""

    @pytest.mark.parametrize("path", FORM_ENDPOINTS)
    @pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
    async def test_another_content_type_is_refused(self, auth, path, content_type):
        answer = await send(auth, path, b"grant_type=refresh_token", content_type=content_type)
        assert (answer.status, check_of(auth, answer)) == (400, "content_type")

    @pytest.mark.parametrize("content_type", [f"{FORM}; charset=UTF-8", FORM.upper(), f"{FORM} ; charset=us-ascii"])
    async def test_parameters_and_case_of_the_content_type_do_not_matter(self, auth, content_type):
        answer = await send(auth, "/token", b"client_id=x", content_type=content_type)
        assert (answer.status, answer.json["error"]) == (401, "invalid_client")

    @pytest.mark.parametrize("path", FORM_ENDPOINTS)
    @pytest.mark.parametrize(
        "body",
        [
            b"a=\xff",
            b"\xc3\x28=1",
            b"a=%ff",
            b"%80=1",
            b"a=%ed%a0%80",
            b"a=%00",
            b"%00=a",
            b"a=\x00",
            b"&".join(b"a%d=1" % n for n in range(300)),
            b"&" * 60_000,
        ],
    )
    async def test_a_body_that_cannot_be_decoded_is_refused(self, auth, path, body):
        answer = await send(auth, path, body)
        assert (answer.status, check_of(auth, answer)) == (400, "parameters_decodable")

    @pytest.mark.parametrize("path", FORM_ENDPOINTS)
    async def test_a_repeated_parameter_is_refused(self, auth, path):
        answer = await send(auth, path, b"client_id=a&client_id=a")
        assert (answer.status, check_of(auth, answer)) == (400, "repeated_parameter")

    @pytest.mark.parametrize("body", [b"", b"=", b"&&&", b"====", b"a", b"%", b"%zz=%", b";;;", b"client_id="])
    async def test_odd_forms_are_forms_without_a_client(self, auth, body):
        answer = await send(auth, "/token", body)
        assert (answer.status, answer.json["error"]) == (401, "invalid_client")

    @pytest.mark.parametrize("path", FORM_ENDPOINTS)
    async def test_a_body_beyond_the_bound_is_413(self, auth, path):
        answer = await send(auth, path, b"a=" + b"x" * 70_000)
        assert answer.status == 413

    @pytest.mark.parametrize("path", ["/token", "/sign-in"])
    async def test_a_body_of_unknown_length_is_bounded_too(self, auth, path):
        async def endless():
            for _ in range(64):
                yield b"x" * 8192

        assert (await send(auth, path, endless())).status == 413

    async def test_pages_are_told_as_pages_and_endpoints_as_json(self, auth):
        page = await send(auth, "/consent", b"a=" + b"x" * 70_000)
        json = await send(auth, "/token", b"a=" + b"x" * 70_000)
        assert page.headers["Content-Type"].startswith("text/html")
        assert json.json["error"] == "invalid_request"


class TestConnections:
    """What the HTTP server under us does with requests that are none; pinned, because we lean on it."""

    @pytest.mark.parametrize(
        "request_bytes",
        [
            b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
            b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            b"POST /token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello",
            b"POST /token HTTP/1.1\r\nHost: a\r\n X-Folded: a\r\n\r\n",
            b"GET /authorize?\xff HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /authorize?a=b c HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            b"GET /authorize HTTP/1.1\r\nHost: a\r\nX-Nul: a\x00b\r\n\r\n",
        ],
    )
    async def test_ambiguous_framing_is_400_and_ends_the_connection(self, auth, request_bytes):
        """Request smuggling needs a server that guesses."""
        status, _ = await raw(auth, request_bytes)
        assert status == 400

    @pytest.mark.parametrize(
        "request_bytes",
        [
            b"GET /authorize?state=" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
            b"GET /livez HTTP/1.1\r\nHost: a\r\nCookie: " + b"a=b; " * 5_000 + b"\r\n\r\n",
        ],
    )
    async def test_an_oversized_head_is_refused(self, auth, request_bytes):
        status, answer = await raw(auth, request_bytes)
        assert status in {400, 431}
        assert b"x" * 200 not in answer

    @pytest.mark.parametrize("body", [b"", b"zz\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloXX0\r\n\r\n"])
    @pytest.mark.parametrize("path", [b"/token", b"/register", b"/sign-in"])
    async def test_a_body_that_never_ends_or_breaks_off_is_given_up(self, auth, path, body, monkeypatch):
        """aiohttp waits for ever for the rest, also after it has seen that the chunks are malformed."""
        monkeypatch.setattr(messages, "MAX_BODY_SECONDS", 0.3)
        kind = b"application/json" if path == b"/register" else FORM.encode()
        head = b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: " + kind
        async with connected(auth) as (reader, writer):
            writer.write(head + b"\r\n\r\n5\r\nhello\r\n")
            await writer.drain()
            writer.write(body)
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 10)
        assert answer.split(b" ")[1] in {b"408", b"400"}

    @pytest.mark.invariant(1)
    async def test_no_host_of_a_request_changes_the_own_urls(self, auth, client):
        path = "/.well-known/oauth-authorization-server"
        plain = await auth.get(path)
        forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
        assert (await auth.get(path, headers=forged)).body == plain.body
        answer = await auth.user_agent().get(auth.authorize_url(client, prompt="none"), headers=forged)
        assert "evil" not in str(answer.headers)


class TestPreflights:
    @pytest.mark.parametrize(
        "names", [b"mcp-param-\xff", b"mcp-param-a\tb", b"mcp-param-a b", b"mcp-param-" + b"x" * 9000]
    )
    async def test_header_names_that_are_none_are_not_echoed(self, auth, names):
        head = b"OPTIONS /token HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccess-Control-Request-Method: POST\r\n"
        status, answer = await raw(auth, head + b"Access-Control-Request-Headers: " + names + b"\r\n\r\n")
        assert status in {204, 400}
        assert b"mcp-param-a" not in answer
        assert b"mcp-param-x" not in answer


class TestCookies:
    @pytest.mark.parametrize(
        "cookie",
        [
            "__Host-sallyport-browser=x",
            "__Host-sallyport-browser=" + "A" * 43,
            "__Host-sallyport-browser=\u00e4",
            "__Host-sallyport-session=x.y",
            "__Host-sallyport-session={a}." + "A" * 43,
            "__Host-sallyport-session=a}:b." + "A" * 43,
            '__Host-sallyport-browser="\\"\\073"; ;;=; =x',
            "; ".join(f"c{n}=1" for n in range(500)),
            "=" * 3000,
        ],
    )
    async def test_cookies_that_we_never_set_are_passed_over(self, auth, client, cookie):
        answer = await auth.get(auth.authorize_url(client), headers={"Cookie": cookie})
        assert answer.status == 200
        assert answer.forms[0].action == "/sign-in"


class TestTransactions:
    """The one part of a page's address that names a key of the store."""

    @pytest.mark.parametrize(
        "transaction",
        ["x", "A" * 22, "A" * 21 + "=", "{A}" + "A" * 19, "*", "A" * 9000, "\u0101" * 22, "A" * 21 + "B", ""],
    )
    async def test_one_that_was_never_begun_is_a_page_that_says_so(self, auth, transaction):
        answer = await auth.get("/consent", params={"transaction": transaction})
        assert (answer.status, check_of(auth, answer)) == (400, "interaction_known")

    async def test_a_query_that_is_no_text_is_a_page_too(self, auth):
        assert (await auth.get("/consent?transaction=%ff&transaction=%00")).status == 400
