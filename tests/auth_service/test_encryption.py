"""Private keys at rest and the secrets that protect them."""

import base64
import json
import secrets

import pytest

from auth_service.encryption import DecryptionFailed, parse_encryption_keys
from shared.errors import Misconfigured

pytestmark = pytest.mark.invariant(4)

FIRST, SECOND = (base64.urlsafe_b64encode(bytes((7 * i * i + s) % 251 for i in range(32))).decode() for s in (3, 90))
JWK = {"kty": "OKP", "crv": "Ed25519", "x": "public", "d": "private-part"}


def test_an_encrypted_key_is_decrypted_with_the_secret_that_encrypted_it():
    keys = parse_encryption_keys([FIRST])
    assert keys.decrypt("a", keys.encrypt("a", JWK)) == JWK


def test_nothing_of_an_encrypted_key_can_be_read():
    encrypted = parse_encryption_keys([FIRST]).encrypt("a", JWK)
    decoded = b"".join(base64.urlsafe_b64decode(part + "==") for part in encrypted.split("."))
    assert b"private-part" not in decoded


def test_every_configured_secret_decrypts_and_the_first_encrypts():
    old, both = parse_encryption_keys([FIRST]), parse_encryption_keys([SECOND, FIRST])
    encrypted = old.encrypt("a", JWK)
    assert both.decrypt("a", encrypted) == JWK
    assert both.position(encrypted) == 1
    assert both.position(both.encrypt("a", JWK)) == 0


def test_a_secret_that_is_no_longer_configured_decrypts_nothing():
    encrypted = parse_encryption_keys([FIRST]).encrypt("a", JWK)
    with pytest.raises(DecryptionFailed):
        parse_encryption_keys([SECOND]).decrypt("a", encrypted)
    assert parse_encryption_keys([SECOND]).position(encrypted) is None


def test_one_key_cannot_be_passed_off_as_another():
    keys = parse_encryption_keys([FIRST])
    with pytest.raises(DecryptionFailed):
        keys.decrypt("b", keys.encrypt("a", JWK))


@pytest.mark.parametrize("part", [0, 2, 3, 4])
def test_an_altered_encrypted_key_is_not_decrypted(part):
    keys = parse_encryption_keys([FIRST])
    parts = keys.encrypt("a", JWK).split(".")
    parts[part] = parts[part][:-4] + ("AAAA" if parts[part][-4:] != "AAAA" else "BBBB")
    with pytest.raises(DecryptionFailed):
        keys.decrypt("a", ".".join(parts))


def test_a_key_wrapped_by_a_password_is_not_even_tried():
    """The algorithms are ours to choose, not the stored text's: PBES2 would let it burn our time."""
    header = base64.urlsafe_b64encode(
        json.dumps({"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2s": "AAAA", "p2c": 2**31}).encode()
    ).decode()
    with pytest.raises(DecryptionFailed):
        parse_encryption_keys([FIRST]).decrypt("a", f"{header.rstrip('=')}.AAAA.AAAA.AAAA.AAAA")


def test_a_derived_key_belongs_to_one_label_and_one_secret():
    keys = parse_encryption_keys([FIRST, SECOND])
    derived = {*keys.derive(b"one"), *keys.derive(b"two")}
    assert len(derived) == 4
    assert all(len(key) == 32 for key in derived)
    assert keys.derive(b"one") == parse_encryption_keys([FIRST, SECOND]).derive(b"one")
    assert base64.urlsafe_b64decode(FIRST) not in derived


def test_a_random_secret_is_accepted_in_every_usual_spelling():
    secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    for text in (secret, secret.rstrip("="), f" {secret}\n", secret.translate(str.maketrans("-_", "+/"))):
        parse_encryption_keys([text])


@pytest.mark.parametrize(
    ("secret", "complaint"),
    [
        ("", "0 bytes"),
        ("changeme", "bytes long"),
        (base64.urlsafe_b64encode(bytes(31)).decode(), "31 bytes"),
        (base64.urlsafe_b64encode(bytes(32)).decode(), "repeats"),
        (base64.urlsafe_b64encode(b"abcd" * 8).decode(), "repeats"),
        (base64.urlsafe_b64encode(bytes(range(32))).decode(), "sequence"),
        (base64.urlsafe_b64encode(bytes(range(64, 0, -2))).decode(), "sequence"),
        (base64.urlsafe_b64encode(b"correct horse battery staple 123").decode(), "typed"),
        ("!" * 43, "not base64url"),
    ],
)
def test_a_weak_encryption_key_is_an_error_that_does_not_repeat_it(secret, complaint):
    with pytest.raises(Misconfigured, match=complaint) as raised:
        parse_encryption_keys([FIRST, secret])
    assert "secret 2" in str(raised.value)
    assert not secret or secret not in str(raised.value)


def test_a_missing_and_a_repeated_encryption_key_are_errors():
    for values in ([], [FIRST, SECOND, FIRST]):
        with pytest.raises(Misconfigured):
            parse_encryption_keys(values)


def test_the_secrets_do_not_show_in_a_representation():
    assert FIRST[:8] not in repr(parse_encryption_keys([FIRST]))
