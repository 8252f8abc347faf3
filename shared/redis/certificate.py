"""A certificate for a store, and its private authority: `python -m shared.redis.certificate DIRECTORY NAME…`.

Writes `ca.pem`, the authority that clients of the store trust, and `server.pem`, the key and the certificate of the
store. The key of the authority is never written: no second certificate can be issued. A certificate that is valid for
another year is kept. When it is replaced, `ca.pem` keeps the earlier authorities, so that clients accept both
certificates until the store has been restarted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

LIFETIME: Final = timedelta(days=3650)
RENEW_BEFORE: Final = timedelta(days=365)
_CLOCK_SKEW: Final = timedelta(hours=1)


def ensure_certificate(directory: Path, names: Sequence[str], *, now: datetime) -> bool:
    """Make the two files unless there are good ones; tell whether they were made. Raises OSError."""
    authorities = _authorities(directory / "ca.pem")
    if _is_good(directory / "server.pem", authorities, names, now=now):
        return False
    authority, server = _issue(names, now=now)
    kept = [other for other in authorities if other.not_valid_after_utc > now]
    # The authority first: after an interruption between the two files the next run makes both again.
    _replace(directory / "ca.pem", b"".join(one.public_bytes(Encoding.PEM) for one in (authority, *kept)), mode=0o644)
    _replace(directory / "server.pem", server, mode=0o640)
    return True


def _authorities(file: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return []


def _is_good(file: Path, authorities: Sequence[x509.Certificate], names: Sequence[str], *, now: datetime) -> bool:
    try:
        content = file.read_bytes()
        certificate = x509.load_pem_x509_certificate(content)
        key = load_pem_private_key(content, password=None)
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        return False
    return (
        certificate.not_valid_after_utc - now > RENEW_BEFORE
        and alternative.get_values_for_type(x509.DNSName) == list(names)
        and key.public_key() == certificate.public_key()
        and any(_issued(authority, certificate) for authority in authorities)
    )


def _issued(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _issue(names: Sequence[str], *, now: datetime) -> tuple[x509.Certificate, bytes]:
    """A new authority, and the PEM of the key and the certificate that it has issued."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    # Two authorities must not have one name: a client with both would try the wrong key.
    issuer = _name(f"Sallyport store authority {x509.random_serial_number():x}"[:64])
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = (
        _builder(issuer, issuer, authority_key.public_key(), now=now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        _builder(_name(names[0]), issuer, key.public_key(), now=now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return authority, private + certificate.public_bytes(Encoding.PEM)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + LIFETIME)
    )


def _key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _replace(file: Path, content: bytes, *, mode: int) -> None:
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
    new.chmod(mode)
    # In the volumes of compose the group of the directory is that of the store.
    if new.stat().st_gid != (group := file.parent.stat().st_gid):
        os.chown(new, -1, group)
    new.replace(file)


def main() -> None:
    """Make the files in a directory that exists."""
    parser = argparse.ArgumentParser(prog="python -m shared.redis.certificate", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("names", nargs="+", metavar="NAME", help="a host name of the store")
    given = parser.parse_args()
    if ensure_certificate(given.directory, given.names, now=datetime.now(UTC)):
        sys.stdout.write(f"{given.directory}: a new certificate. Restart the clients of the store, then the store.\n")


if __name__ == "__main__":
    main()
