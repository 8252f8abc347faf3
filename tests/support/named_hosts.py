"""Hosts of the internet played on this machine, under their real names and with TLS: nothing leaves it."""

import datetime as dt
import ipaddress
import ssl
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Self

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.fetch.ssrf_safe_client import SsrfSafeClient

Page = Callable[[web.Request], web.StreamResponse | Awaitable[web.StreamResponse]]


class NamedHosts:
    """An async context manager. `pages` maps a URL to a function of the request that makes a response."""

    def __init__(self, pages: Mapping[str, Page] | None = None) -> None:
        self.pages = dict(pages or {})
        self.requests: list[str] = []
        self.lookups: Counter[str] = Counter()
        self._runner: web.AppRunner | None = None
        self._authority, self._authority_key = _certificate("A test authority", authority=True)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._server_tls())
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def serve_json(self, url: str, body: object, **headers: str) -> None:
        """Serve a JSON document under its real URL."""
        self.pages[url] = lambda _request: web.json_response(
            body, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    def http_client(self, **options: Any) -> SsrfSafeClient:
        """An SSRF-safe client that finds these hosts, and trusts their certificates and no others."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.load_verify_locations(cadata=self._authority.public_bytes(serialization.Encoding.PEM).decode())
        values: dict[str, Any] = {"lookup": self.lookup, "allowed": lambda address: address.is_loopback, "tls": tls}
        return SsrfSafeClient(**{**values, **options})

    async def lookup(self, host: str, _port: int) -> list[tuple[str, int]]:
        """The resolver: every name is here."""
        self.lookups[host] += 1
        return [("127.0.0.1", self.port)]

    def count(self, url: str) -> int:
        """Number of requests for a URL."""
        return sum(1 for seen in self.requests if seen == url)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        url = f"https://{request.host}{request.raw_path}"
        self.requests.append(url)
        page = self.pages.get(url)
        if page is None:
            return web.Response(status=404, text="nothing here")
        response = page(request)
        return await response if isinstance(response, Awaitable) else response

    def _server_tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        by_name: dict[str | None, ssl.SSLContext] = {}

        def choose(connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
            # A certificate for whatever name is asked for: the test authority vouches for all of them.
            if name not in by_name:
                by_name[name] = _server_context(name or "", self._authority, self._authority_key)
            connection.context = by_name[name]

        context.sni_callback = choose
        return context


def _server_context(
    name: str, authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey
) -> ssl.SSLContext:
    certificate, key = _certificate(name, issuer=authority, issuer_key=authority_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as directory:
        chain, key_file = Path(directory, "cert.pem"), Path(directory, "key.pem")
        chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context.load_cert_chain(chain, key_file)
    return context


def _certificate(
    name: str,
    *,
    authority: bool = False,
    issuer: x509.Certificate | None = None,
    issuer_key: ec.EllipticCurvePrivateKey | None = None,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        alternative: x509.GeneralName
        try:
            alternative = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            alternative = x509.DNSName(name)
        builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    else:
        usage = {
            "digital_signature": True,
            "key_cert_sign": True,
            "crl_sign": True,
            "content_commitment": False,
            "key_encipherment": False,
            "data_encipherment": False,
            "key_agreement": False,
            "encipher_only": False,
            "decipher_only": False,
        }
        builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    signer_key = issuer_key or key
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer_key.public_key()), critical=False
    )
    return builder.sign(signer_key, hashes.SHA256()), key
