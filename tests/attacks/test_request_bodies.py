"""A body that is refused is not decoded, whatever its headers say."""

import gzip
import zlib
from collections import Counter

import aiohttp.http_parser
import aiohttp.multipart
import pytest
from aiohttp import compression_utils, helpers, web_request

FORM = "application/x-www-form-urlencoded"
PACKED = gzip.compress(b"a=" + b"x" * (32 << 20))
OURS = {
    "application/json",
    "text/plain",
    *(f"{kind}; charset=utf-8" for kind in ("application/json", "text/html", "text/plain")),
}
"""Content types of answers."""
CODINGS = ["gzip", "GZip", "deflate", "br", "zstd", "x-gzip", "compress", "gzip, gzip", "identity, gzip", "*", "\xe9"]


@pytest.fixture
def decoded(monkeypatch):
    """Counts what aiohttp decodes: bytes unpacked, multipart readers, content types, character sets, whole bodies."""
    counts: Counter[str] = Counter()

    def count(owner, name, kind):
        original = getattr(owner, name)

        def counting(*args, **kwargs):
            result = original(*args, **kwargs)
            counts[kind] += max(len(result) if isinstance(result, bytes) else 1, 1)
            return result

        monkeypatch.setattr(owner, name, counting)

    for decompressor in ("ZLibDecompressor", "BrotliDecompressor", "ZSTDDecompressor"):
        count(getattr(compression_utils, decompressor), "decompress_sync", "bytes unpacked")
    count(aiohttp.multipart.MultipartReader, "__init__", "multipart readers")
    count(aiohttp.multipart.BodyPartReader, "__init__", "parts")
    original = helpers.parse_content_type

    def counting_content_type(raw):
        counts.update(() if raw in OURS else [raw])
        return original(raw)

    monkeypatch.setattr(helpers, "parse_content_type", counting_content_type)
    for method in ("post", "text", "json", "multipart"):
        count(web_request.BaseRequest, method, f"calls of {method}")
    return counts


def chunked(*pieces):
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "DELETE", "PATCH"])
async def test_a_compressed_body_is_415_at_every_path_and_nothing_of_it_is_unpacked(services, decoded, method):
    for service in services:
        for path in service.paths:
            answer = await service.ask(method, path, ("Content-Encoding", "gzip"), ("Content-Type", FORM), body=PACKED)
            assert answer.status == 415, (service.name, path)
            assert [line["error_id"] for line in service.lines_of(answer.header("X-Request-Id"))] == [
                "content_encoding"
            ]
    assert not decoded


@pytest.mark.parametrize("coding", CODINGS)
async def test_every_coding_but_identity_is_415(services, decoded, coding):
    for service in services:
        body = zlib.compress(b"client_id=x")
        for sent in (
            service.request("POST", service.paths[0], ("Content-Encoding", coding), body=body),
            service.request(
                "POST", "/token", ("Content-Encoding", "identity"), ("Content-Encoding", coding), body=body
            ),
            service.request("POST", "/mcp", ("Content-Encoding", coding), ("Transfer-Encoding", "chunked"))
            + chunked(body),
        ):
            answer = await service.send(sent.replace(b"Content-Length: 0\r\n", b""))
            assert answer.status == 415, (service.name, sent[:80])
    assert not decoded


async def test_the_identity_coding_is_accepted(services):
    auth, mcp = services
    answer = await auth.ask(
        "POST", "/token", ("Content-Encoding", "Identity"), ("Content-Type", FORM), body=b"client_id=x"
    )
    assert answer.status == 401
    answer = await mcp.ask("POST", "/mcp", ("Content-Encoding", "identity"), body=b"{}")
    assert b"-32600" in answer.body


@pytest.mark.parametrize("coding", ["gzip, chunked", "deflate,chunked", "identity, chunked"])
async def test_every_transfer_coding_but_chunked_is_refused(services, decoded, coding):
    for service in services:
        sent = service.request("POST", service.paths[0], ("Transfer-Encoding", coding)).replace(
            b"Content-Length: 0\r\n", b""
        )
        answer = await service.send(sent + chunked(PACKED[:4000]))
        assert answer.status == 400
    assert not decoded


@pytest.mark.parametrize("boundary", ["x", "(" * 200, "x" * 10_000, ""])
async def test_a_multipart_body_is_never_read_as_one(services, decoded, boundary):
    body = b"--x\r\nContent-Disposition: form-data; name=a\r\nContent-Encoding: gzip\r\n\r\n" + PACKED + b"\r\n--x--"
    for service in services:
        for path in service.paths:
            answer = await service.ask(
                "POST", path, ("Content-Type", f"multipart/form-data; boundary={boundary}"), body=body
            )
            assert 400 <= answer.status < 500
    assert not decoded


@pytest.mark.parametrize(
    "charset",
    ["idna", "punycode", "utf-7", "unicode_escape", "utf-16", "zlib_codec", "rot13", "undefined", "no-such", '"idna"'],
)
async def test_no_character_set_but_utf_8_is_accepted_and_no_codec_looked_up(services, decoded, charset):
    for service in services:
        for path, kind in (("/token", FORM), ("/register", "application/json"), ("/mcp", "application/json")):
            answer = await service.ask(
                "POST", path, ("Content-Type", f"{kind}; charset={charset}"), body=b"client_id=x"
            )
            assert answer.status == 415, (service.name, path)
    assert not decoded


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "us-ascii"])
async def test_utf_8_by_its_names_is_accepted(services, charset):
    auth, _ = services
    answer = await auth.ask("POST", "/token", ("Content-Type", f"{FORM}; charset={charset}"), body=b"client_id=x")
    assert (answer.status, b"invalid_client" in answer.body) == (401, True)
