"""The store over TLS: its certificate is checked, and one of a private authority is accepted when that is named."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.errors import RedisUnavailable
from shared.redis.client import Script
from shared.redis.single import SingleRedisClient

pytestmark = pytest.mark.store

HOST = "127.0.0.1"


@pytest.fixture
def certificate(tmp_path):
    """A file with a certificate for the loopback address that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "store")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file.write_bytes(
        key.private_bytes(pem, pkcs8, serialization.NoEncryption()) + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
async def tls_port(single_store_url, certificate):
    """A port on which the real store answers over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    open_ends: set[asyncio.StreamWriter] = set()

    async def serve(reader, writer):
        from_store, to_store = await asyncio.open_unix_connection(urlsplit(single_store_url).path)
        open_ends.update((writer, to_store))
        await asyncio.gather(_pump(reader, to_store), _pump(from_store, writer))

    async def _pump(source, target):
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        target.transport.abort()

    server = await asyncio.start_server(serve, HOST, 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    for end in open_ends:
        end.transport.abort()
    server.close()


async def use(store):
    try:
        await store.command("SET", "sp:{1}:x", "1")
        found = await store.run(Script("read", "return redis.call('GET', KEYS[1])"), ["sp:{1}:x"], [])
        async with store.subscribe("sp:{keys}:changes"):
            return found
    finally:
        await store.close()


async def test_a_store_of_a_private_authority_is_reached_when_the_authority_is_named(tls_port, certificate):
    assert await use(SingleRedisClient(f"rediss://{HOST}:{tls_port}/0?ssl_ca_certs={certificate}")) == "1"


async def test_the_authority_may_stand_in_the_environment(tls_port, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert await use(SingleRedisClient(f"rediss://{HOST}:{tls_port}/0")) == "1"


async def test_a_certificate_of_an_unknown_authority_is_refused(tls_port):
    with pytest.raises(RedisUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await use(SingleRedisClient(f"rediss://{HOST}:{tls_port}/0"))


async def test_a_certificate_for_another_host_is_not_believed(tls_port, certificate):
    with pytest.raises(RedisUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await use(SingleRedisClient(f"rediss://localhost:{tls_port}/0?ssl_ca_certs={certificate}"))
