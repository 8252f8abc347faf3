"""The private authority and the certificate of a store, which the first start makes."""

import asyncio
import contextlib
import os
import ssl
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from devstack.service_process import REPOSITORY
from shared.redis.certificate import LIFETIME, RENEW_BEFORE, ensure_certificate

NAMES = ["store", "localhost"]
NOW = datetime.now(UTC)


async def handshake(server_files, ca_file, *, name="store"):
    """A handshake as a client of the store makes it: authority and host name are verified."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_files / "server.pem")
    trusting = ssl.create_default_context(cafile=ca_file)
    # The default of Python 3.13, which the images have.
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    try:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=name)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    finally:
        server.close()


async def test_a_client_that_has_the_authority_believes_the_certificate(tmp_path):
    assert ensure_certificate(tmp_path, NAMES, now=NOW)
    await handshake(tmp_path, tmp_path / "ca.pem")


async def test_a_client_refuses_another_authority_and_another_name(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    ensure_certificate(tmp_path, NAMES, now=NOW)
    ensure_certificate(other, NAMES, now=NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(tmp_path, other / "ca.pem")
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        await handshake(tmp_path, tmp_path / "ca.pem", name="notes")


def test_the_key_of_the_authority_is_kept_nowhere(tmp_path):
    ensure_certificate(tmp_path, NAMES, now=NOW)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ca.pem", "server.pem"]
    assert b"PRIVATE" not in (tmp_path / "ca.pem").read_bytes()
    assert (tmp_path / "server.pem").read_bytes().count(b"BEGIN PRIVATE KEY") == 1
    assert stat.S_IMODE((tmp_path / "server.pem").stat().st_mode) == 0o640


def test_a_certificate_is_kept_until_its_last_year(tmp_path):
    ensure_certificate(tmp_path, NAMES, now=NOW)
    made = (tmp_path / "server.pem").read_bytes()
    late = NOW + LIFETIME - RENEW_BEFORE
    assert not ensure_certificate(tmp_path, NAMES, now=late - timedelta(days=1))
    assert (tmp_path / "server.pem").read_bytes() == made
    assert ensure_certificate(tmp_path, NAMES, now=late)


async def test_after_a_renewal_clients_believe_a_store_that_still_runs_with_the_old_certificate(tmp_path):
    ensure_certificate(tmp_path, NAMES, now=NOW - LIFETIME + RENEW_BEFORE)
    old = tmp_path / "old"
    old.mkdir()
    (old / "server.pem").write_bytes((tmp_path / "server.pem").read_bytes())
    assert ensure_certificate(tmp_path, NAMES, now=NOW)
    for files in (old, tmp_path):
        await handshake(files, tmp_path / "ca.pem")


def test_an_authority_that_has_expired_is_dropped_at_a_renewal(tmp_path):
    ensure_certificate(tmp_path, NAMES, now=NOW - LIFETIME - timedelta(days=1))
    ensure_certificate(tmp_path, NAMES, now=NOW)
    assert len(x509.load_pem_x509_certificates((tmp_path / "ca.pem").read_bytes())) == 1


@pytest.mark.parametrize("broken", ["ca.pem", "server.pem"])
@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
async def test_a_file_that_is_lost_or_damaged_is_made_again(tmp_path, broken, content):
    ensure_certificate(tmp_path, NAMES, now=NOW)
    (tmp_path / broken).unlink()
    if content is not None:
        (tmp_path / broken).write_bytes(content)
    assert ensure_certificate(tmp_path, NAMES, now=NOW)
    await handshake(tmp_path, tmp_path / "ca.pem")


def test_the_command_makes_the_files_once(tmp_path):
    command = [sys.executable, "-m", "shared.redis.certificate", str(tmp_path), *NAMES]
    first, second = (
        subprocess.run(command, cwd=REPOSITORY, env=os.environ, capture_output=True, text=True, check=True)
        for _ in range(2)
    )
    assert "new certificate" in first.stdout
    assert (second.stdout, second.stderr) == ("", "")
