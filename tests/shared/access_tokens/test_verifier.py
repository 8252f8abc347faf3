"""Every check of a token, alone, without HTTP."""

import pytest

from shared.jose.jws import InvalidToken
from tests.shared.access_tokens.conftest import Clock, HeldKeys
from tests.support.local_issuer import LocalTokenIssuer, new_key
from tests.support.token_attacks import ATTACKS, sign_raw

pytestmark = pytest.mark.invariant(2)


@pytest.mark.invariant(2)
@pytest.mark.parametrize(("check", "attack"), ATTACKS.values(), ids=ATTACKS)
async def test_an_attack_is_refused_by_the_check_that_is_for_it(make_verifier, token_issuer, check, attack):
    with pytest.raises(InvalidToken) as refused:
        await make_verifier().verify(attack(token_issuer))
    assert refused.value.error_id == check


@pytest.mark.parametrize("attack", [a for _, a in ATTACKS.values()], ids=list(ATTACKS))
async def test_a_refused_token_is_not_remembered(make_verifier, token_issuer, attack):
    verifier = make_verifier()
    token = attack(token_issuer)
    with pytest.raises(InvalidToken):
        await verifier.verify(token)
    assert verifier.remembered(token) is None


async def test_claims_about_the_user_are_kept_apart_from_those_of_the_profile(make_verifier, token_issuer):
    told = {"email": "ada@example.org", "groups": ["a"]}
    token = await make_verifier().verify(token_issuer.issue(**told, acr="x", cnf={"jkt": "y"}))
    assert token.claims.user == told


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_good_token_of_each_algorithm_is_verified(make_verifier, held_keys, token_issuer, algorithm):
    key = new_key("another", algorithm)
    held_keys.replace(key)
    token = await make_verifier().verify(token_issuer.issue(key=key))
    assert (token.claims.subject, token.claims.client_id) == ("user-1", "client-1")
    assert token.claims.scopes == ("notes:read",)


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
async def test_every_spelling_of_the_type_is_accepted(make_verifier, token_issuer, typ):
    assert await make_verifier().verify(token_issuer.issue(header={"typ": typ}))


async def test_an_audience_list_that_names_this_resource_is_accepted(make_verifier, token_issuer):
    assert await make_verifier().verify(token_issuer.issue(aud=["https://other.example/mcp", token_issuer.resource]))


async def test_a_configured_alias_is_an_audience(make_verifier, token_issuer):
    verifier = make_verifier(audiences=frozenset({token_issuer.resource, "https://old.example/mcp"}))
    assert await verifier.verify(token_issuer.issue(aud="https://old.example/mcp"))


@pytest.mark.invariant(11)
async def test_members_that_a_later_issuer_adds_are_passed_over(make_verifier, token_issuer):
    """Auth_service may be upgraded first."""
    assert await make_verifier().verify(
        token_issuer.issue(header={"x-new": 1}, acr="urn:new", authorization_details=[{}])
    )


async def test_a_token_without_scope_is_good_and_grants_nothing(make_verifier, token_issuer):
    token = await make_verifier().verify(token_issuer.issue(scope=None))
    assert token.claims.scopes == ()


async def test_an_algorithm_that_is_not_configured_is_refused(make_verifier, token_issuer):
    with pytest.raises(InvalidToken, match="not in the configured list"):
        await make_verifier(algorithms=frozenset({"ES256"})).verify(token_issuer.issue())


async def test_the_leeway_ends(make_verifier, token_issuer):
    clock = Clock()
    iat = int(clock.now)
    token = token_issuer.issue(iat=iat, exp=iat + 60)
    verifier = make_verifier(clock=clock)
    clock.now = iat + 64.9
    assert await verifier.verify(token)
    clock.now = iat + 65
    with pytest.raises(InvalidToken, match="expired"):
        await verifier.verify(token)


async def test_a_remembered_token_ends_with_exp(make_verifier, token_issuer):
    clock = Clock()
    iat = int(clock.now)
    verifier = make_verifier(clock=clock)
    token = token_issuer.issue(iat=iat, exp=iat + 60)
    verified = await verifier.verify(token)
    assert verifier.remembered(token) is verified
    clock.now = iat + 60
    assert verifier.remembered(token) is None


@pytest.mark.invariant(2)
async def test_a_withdrawn_key_takes_its_remembered_tokens_with_it_at_once(make_verifier, held_keys, token_issuer):
    """The memory is no way around a key's withdrawal."""
    verifier = make_verifier()
    token = token_issuer.issue()
    await verifier.verify(token)
    held_keys.replace(new_key("other"))
    assert verifier.remembered(token) is None
    with pytest.raises(InvalidToken):
        await verifier.verify(token)


async def test_another_key_of_the_same_name_does_not_revive_a_remembered_token(make_verifier, held_keys, token_issuer):
    verifier = make_verifier()
    token = token_issuer.issue()
    await verifier.verify(token)
    held_keys.replace(new_key(token_issuer.key.kid))
    assert verifier.remembered(token) is None
    with pytest.raises(InvalidToken, match="signature"):
        await verifier.verify(token)


async def test_a_good_payload_under_another_signature_is_not_the_remembered_token(make_verifier, token_issuer):
    """The memory is keyed by the whole token, not by what its payload says."""
    verifier = make_verifier()
    token = token_issuer.issue()
    await verifier.verify(token)
    forged = (
        token.rpartition(".")[0]
        + "."
        + LocalTokenIssuer(issuer="x", resource="y", key=new_key("z")).issue().rpartition(".")[2]
    )
    assert verifier.remembered(forged) is None
    with pytest.raises(InvalidToken, match="signature"):
        await verifier.verify(forged)


async def test_the_memory_is_bounded_and_the_oldest_goes_first(make_verifier, token_issuer):
    verifier = make_verifier(remembered=2)
    tokens = [token_issuer.issue(jti=f"token-{n}") for n in range(3)]
    for token in tokens:
        await verifier.verify(token)
    assert [verifier.remembered(t) is not None for t in tokens] == [False, True, True]


async def test_two_verifications_of_one_token_take_one_place_in_the_memory(make_verifier, token_issuer):
    verifier = make_verifier(remembered=2)
    first, second = token_issuer.issue(jti="a"), token_issuer.issue(jti="b")
    for token in (first, second, second, second):
        await verifier.verify(token)
    assert verifier.remembered(first) is not None


async def test_claims_are_not_read_before_the_signature_is_known_to_be_good(make_verifier, token_issuer):
    """A parser is attack surface: unauthenticated callers must not reach the one for claims."""
    header, _, _ = token_issuer.issue().partition(".")
    with pytest.raises(InvalidToken) as refused:
        await make_verifier().verify(f"{header}.{'W' * 4000}.AAAA")
    assert refused.value.error_id == "signature"


async def test_the_reason_never_holds_the_token(make_verifier, token_issuer):
    token = token_issuer.issue(aud="https://other.example/mcp")
    with pytest.raises(InvalidToken) as refused:
        await make_verifier().verify(token)
    assert token not in refused.value.reason
    assert token.rpartition(".")[2] not in refused.value.reason


async def test_a_kid_of_another_issuer_in_the_set_does_not_help(make_verifier, token_issuer):
    keys = HeldKeys(token_issuer.key, new_key("other"))
    with pytest.raises(InvalidToken, match="signature"):
        await make_verifier(keys=keys).verify(
            sign_raw(token_issuer, b'{"typ":"at+jwt","alg":"RS256","kid":"other"}', b"{}")
        )
