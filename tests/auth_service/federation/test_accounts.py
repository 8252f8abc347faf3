"""Accounts of identities on a real store (docs/identity-provider-threats.md: P9, P10, P18)."""

import json
from typing import Any

import pytest
from argon2.profiles import CHEAPEST

from auth_service.commands.invitation import IdentityTaken, prepare_account
from auth_service.federation.accounts import LastWayToSignIn
from auth_service.federation.provider import SignInRefused
from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import UserRepository
from auth_service.users.service import UsernameTaken, UserService
from auth_service.users.user import MAX_IDENTITIES, Profile
from tests.support.identities import ISSUER, NOW, account_directory, identity, provider

pytestmark = [pytest.mark.store, pytest.mark.invariant(13)]

GOOD = "violet kettle marches north"
ADA: dict[str, Any] = {"email": "ada@example.org", "email_verified": True}
CORP = provider("corp")
OTHER = provider("other")


@pytest.fixture
def accounts(store):
    return account_directory(store)


@pytest.fixture
def users(store):
    hasher = PasswordHasher(parameters=CHEAPEST, workers=1)
    yield UserService(UserRepository(store), hasher)
    hasher.close()


async def refused(work):
    with pytest.raises(SignInRefused) as raised:
        await work
    return raised.value.error_id


async def everything(store):
    """The content of the store."""
    keys = [key async for page in store.scan("*") for key in page]
    return {key: await store.command("HGETALL", key) for key in keys if key != "sp:{users}:marked"}


# Sign-in


async def test_the_first_sign_in_makes_an_account_and_the_next_finds_it(accounts, users):
    made = await accounts.resolve(CORP, identity(**ADA, name="Ada Lovelace"))
    assert await accounts.resolve(CORP, identity(**ADA, name="Ada Lovelace")) == made
    assert [user async for user in users.all()] == [made]
    assert (made.username, made.name, made.email, made.email_verified, made.has_password) == (
        "corp/ada@example.org",
        "Ada Lovelace",
        "ada@example.org",
        True,
        False,
    )


@pytest.mark.parametrize(
    "other",
    [
        {"provider": "other"},
        {"issuer": "https://tenant-2.idp.example"},
        {"subject": "2"},
    ],
    ids=["provider", "tenant", "recycled address"],
)
async def test_equal_verified_addresses_are_different_accounts(accounts, other):
    """P9: at another provider, at another tenant, and after the address was given to someone else."""
    victim = await accounts.resolve(CORP, identity(**ADA))
    configuration = OTHER if "provider" in other else CORP
    attacker = await accounts.resolve(configuration, identity(**{**ADA, "subject": "1", **other}))
    assert attacker.subject != victim.subject
    assert attacker.username != victim.username
    assert await accounts.resolve(CORP, identity(**ADA)) == victim


async def test_an_address_never_leads_to_a_user_with_a_password(accounts, users):
    """P9, P18."""
    margaret = await users.add("margaret", GOOD, email="ada@example.org", email_verified=True)
    signed_in = await accounts.resolve(CORP, identity(**ADA, login="margaret", name="margaret"))
    assert signed_in.subject != margaret.subject


@pytest.mark.parametrize("login", ["corp/ada@example.org", "CORP/ADA@EXAMPLE.ORG", "ada@example.org"])
async def test_a_name_that_imitates_another_user_is_another_account_with_another_name(accounts, login):
    """P18."""
    victim = await accounts.resolve(CORP, identity(**ADA))
    attacker = await accounts.resolve(CORP, identity("2", login=login))
    assert attacker.subject != victim.subject
    assert attacker.username.casefold() != victim.username.casefold()
    assert await accounts.resolve(CORP, identity(**ADA)) == victim


async def test_an_account_of_a_provider_has_no_password_that_signs_in(accounts, users):
    made = await accounts.resolve(CORP, identity(**ADA))
    for password in ("", GOOD, "None"):
        assert await users.authenticate(made.username, password) is None


async def test_the_users_name_and_address_follow_the_provider(accounts, users):
    made = await accounts.resolve(CORP, identity(**ADA, name="Ada Byron"))
    stated: dict[str, Any] = {"email": "lovelace@example.org", "email_verified": False, "name": "Ada Lovelace"}
    again = await accounts.resolve(CORP, identity(**stated))
    assert (again.subject, again.username) == (made.subject, made.username)
    assert (again.name, again.email, again.email_verified) == ("Ada Lovelace", "lovelace@example.org", False)
    assert await users.find(made.subject) == again


async def test_what_the_provider_states_is_kept_and_replaced(store):
    first, later = account_directory(store), account_directory(store, now=NOW + 100)
    made = await first.resolve(CORP, identity(groups=("a", "b"), claims={"role": "x"}))
    await later.resolve(CORP, identity(groups=("b",)))
    (known,) = await later.identities_of(made.subject)
    assert known == await later.known(made.subject, identity().key)
    assert (known.identity.groups, known.identity.claims) == (("b",), {})
    assert (known.linked_at, known.signed_in_at) == (NOW, NOW + 100)
    assert await later.known(made.subject, identity("2").key) is None
    assert await later.known("unknown", identity().key) is None


@pytest.mark.parametrize("rules", [{"allow": {"groups": ["staff"]}}, {"deny": {"subjects": ["1"]}}])
async def test_the_rules_are_evaluated_for_accounts_that_exist_too(accounts, store, rules):
    made = await accounts.resolve(CORP, identity(groups=("staff",)))
    before = await everything(store)
    assert await refused(accounts.resolve(provider("corp", **rules), identity())) == "identity_refused"
    assert await everything(store) == before
    assert [known.identity.groups for known in await accounts.identities_of(made.subject)] == [("staff",)]


async def test_the_rules_of_another_provider_decide_nothing(accounts):
    assert await refused(accounts.resolve(OTHER, identity())) == "identity_refused"


async def test_a_suspended_user_cannot_sign_in(accounts, users):
    made = await accounts.resolve(CORP, identity(**ADA))
    await users.suspend(made)
    assert await refused(accounts.resolve(CORP, identity(**ADA))) == "user_active"
    assert await users.lift_suspension(made)
    assert await accounts.resolve(CORP, identity(**ADA)) == made


async def test_too_large_a_statement_is_refused_and_nothing_is_kept(accounts, store):
    large = identity(groups=tuple("g" * 100 + str(n) for n in range(400)))
    assert await refused(accounts.resolve(CORP, large)) == "identity_size"
    assert await everything(store) == {}
    made = await accounts.resolve(CORP, identity())
    assert await refused(accounts.resolve(CORP, large)) == "identity_size"
    assert (await accounts.known(made.subject, identity().key)).identity.groups == ()


async def test_without_creation_only_identities_with_an_account_sign_in(store):
    accounts = account_directory(store, creation="invited")
    assert await refused(accounts.resolve(CORP, identity(**ADA))) == "not_invited"
    assert await everything(store) == {}
    made = await account_directory(store).resolve(CORP, identity(**ADA))
    assert await accounts.resolve(CORP, identity(**ADA)) == made


async def test_the_private_reason_names_the_identity_that_an_operator_may_add(store):
    accounts = account_directory(store, creation="invited")
    for configuration in (CORP, provider("corp", deny={"everyone": True})):
        with pytest.raises(SignInRefused) as raised:
            await accounts.resolve(configuration, identity("did:example:\x1b[31m1", **ADA))
        assert "corp:did:example:\ufffd[31m1" in raised.value.reason
        assert "did:" not in raised.value.public
        assert "ada@" not in raised.value.reason


async def prepare(store, username, subject="1"):
    return await prepare_account(
        UserRepository(store),
        username,
        provider="corp",
        issuer=ISSUER,
        subject=subject,
        profile=Profile("Ada", "ada@example.org", email_verified=False),
        now=NOW - 10,
    )


@pytest.mark.parametrize("creation", ["on", "invited"])
async def test_a_prepared_account_is_for_its_identity_only(store, creation):
    """An e-mail address invites no one: only provider, issuer and subject do."""
    prepared = await prepare(store, "ada")
    accounts = account_directory(store, creation=creation)
    (known,) = await accounts.identities_of(prepared.subject)
    assert (known.linked_at, known.signed_in_at) == (NOW - 10, 0)
    for other in (identity("2", **ADA, login="ada"), identity(**ADA, issuer="https://tenant-2.idp.example")):
        if creation == "on":
            assert (await accounts.resolve(CORP, other)).subject != prepared.subject
        else:
            assert await refused(accounts.resolve(CORP, other)) == "not_invited"
    signed_in = await accounts.resolve(CORP, identity(email="lovelace@example.org", email_verified=True))
    assert (signed_in.subject, signed_in.username) == (prepared.subject, "ada")
    assert (signed_in.email, signed_in.email_verified) == ("lovelace@example.org", True)
    (known,) = await accounts.identities_of(prepared.subject)
    assert (known.linked_at, known.signed_in_at) == (NOW - 10, NOW)


async def test_a_prepared_account_takes_neither_a_name_nor_an_identity_from_another(store):
    await prepare(store, "ada")
    with pytest.raises(UsernameTaken):
        await prepare(store, "ADA", "2")
    with pytest.raises(IdentityTaken):
        await prepare(store, "grace")
    for username, subject in (("corp/ada", "3"), ("grace", ""), ("grace", "x" * 256), ("grace", "a\nb")):
        with pytest.raises(ValueError, match=r"username|subject"):
            await prepare(store, username, subject)
    assert [user.username async for user in UserRepository(store).all()] == ["ada"]


async def test_a_removed_users_identities_are_removed_and_make_another_account(accounts, users, store):
    made = await accounts.resolve(CORP, identity(**ADA))
    await accounts.link(made.subject, OTHER, identity(provider="other"))
    await users.remove(made)
    assert await everything(store) == {}
    again = await accounts.resolve(OTHER, identity(provider="other"))
    assert again.subject != made.subject
    assert await accounts.identities_of(made.subject) == []


# Linking


async def test_a_linked_identity_signs_in_to_the_account(accounts, users):
    margaret = await users.add("margaret", GOOD, email="m@example.org", email_verified=True)
    await accounts.link(margaret.subject, CORP, identity(**ADA))
    assert await accounts.resolve(CORP, identity(**ADA)) == margaret  # with the address that the operator gave
    assert await users.authenticate("margaret", GOOD) == margaret


async def test_linking_again_changes_nothing_but_the_statement(store, users):
    first, later = account_directory(store), account_directory(store, now=NOW + 100)
    margaret = await users.add("margaret", GOOD)
    await first.link(margaret.subject, CORP, identity())
    await later.link(margaret.subject, CORP, identity(groups=("g",)))
    (known,) = await first.identities_of(margaret.subject)
    assert (known.linked_at, known.signed_in_at, known.identity.groups) == (NOW, NOW + 100, ("g",))


async def test_an_identity_that_belongs_to_another_account_is_not_linked(accounts, users, store):
    """P10."""
    victim = await accounts.resolve(CORP, identity(**ADA))
    attacker = await users.add("eve", GOOD)
    before = await everything(store)
    assert await refused(accounts.link(attacker.subject, CORP, identity(**ADA))) == "identity_taken"
    assert await everything(store) == before
    assert await accounts.resolve(CORP, identity(**ADA)) == victim


async def test_an_identity_that_may_not_sign_in_is_not_linked(accounts, users):
    margaret = await users.add("margaret", GOOD)
    denying = provider("corp", deny={"subjects": ["1"]})
    assert await refused(accounts.link(margaret.subject, denying, identity())) == "identity_refused"
    assert await accounts.identities_of(margaret.subject) == []


@pytest.mark.parametrize("change", ["suspend", "remove"])
async def test_nothing_is_linked_to_a_user_who_was_suspended_or_removed(accounts, users, change):
    margaret = await users.add("margaret", GOOD)
    await getattr(users, change)(margaret)
    assert await refused(accounts.link(margaret.subject, CORP, identity())) == "user_active"
    assert await accounts.identities_of(margaret.subject) == []


async def test_a_user_can_link_a_bounded_number_of_identities(accounts, users):
    margaret = await users.add("margaret", GOOD)
    for number in range(MAX_IDENTITIES):
        await accounts.link(margaret.subject, CORP, identity(str(number)))
    assert await refused(accounts.link(margaret.subject, CORP, identity("one more"))) == "identity_limit"
    await accounts.link(margaret.subject, CORP, identity("0"))
    assert await accounts.unlink(margaret.subject, identity("0").key)
    await accounts.link(margaret.subject, CORP, identity("one more"))


# Unlinking


async def test_an_unlinked_identity_does_not_sign_in_to_the_account(accounts, users):
    margaret = await users.add("margaret", GOOD)
    await accounts.link(margaret.subject, CORP, identity())
    assert await accounts.unlink(margaret.subject, identity().key)
    assert not await accounts.unlink(margaret.subject, identity().key)
    assert await accounts.known(margaret.subject, identity().key) is None
    assert (await accounts.resolve(CORP, identity())).subject != margaret.subject


async def test_the_last_way_to_sign_in_is_not_unlinked(accounts):
    made = await accounts.resolve(CORP, identity())
    with pytest.raises(LastWayToSignIn):
        await accounts.unlink(made.subject, identity().key)
    await accounts.link(made.subject, OTHER, identity(provider="other"))
    assert await accounts.unlink(made.subject, identity().key)
    with pytest.raises(LastWayToSignIn):
        await accounts.unlink(made.subject, identity(provider="other").key)
    assert (await accounts.resolve(OTHER, identity(provider="other"))).subject == made.subject


async def test_a_password_counts_only_while_passwords_are_on(store, users):
    margaret = await users.add("margaret", GOOD)
    await account_directory(store).link(margaret.subject, CORP, identity())
    with pytest.raises(LastWayToSignIn):
        await account_directory(store, passwords=False).unlink(margaret.subject, identity().key)
    assert await account_directory(store).unlink(margaret.subject, identity().key)


async def test_an_identity_of_a_provider_that_is_gone_does_not_count(store):
    accounts = account_directory(store)
    made = await accounts.resolve(CORP, identity())
    await accounts.link(made.subject, OTHER, identity(provider="other"))
    with pytest.raises(LastWayToSignIn):
        await account_directory(store, providers=("corp",)).unlink(made.subject, identity().key)


async def test_an_identity_of_a_former_issuer_of_an_entry_does_not_count(store, accounts):
    made = await accounts.resolve(CORP, identity())
    await accounts.link(made.subject, OTHER, identity(provider="other", issuer="https://former.example"))
    with pytest.raises(LastWayToSignIn):
        await accounts.unlink(made.subject, identity().key)


async def test_an_identity_of_another_user_is_not_unlinked(accounts, users):
    victim = await accounts.resolve(CORP, identity())
    eve = await users.add("eve", GOOD)
    assert not await accounts.unlink(eve.subject, identity().key)
    assert await accounts.resolve(CORP, identity()) == victim


async def test_the_address_of_an_unlinked_identity_is_forgotten_until_another_states_one(accounts, users):
    made = await accounts.resolve(CORP, identity(**ADA))
    second = identity(provider="other", email="second@example.org", email_verified=True)
    await accounts.link(made.subject, OTHER, second)
    assert (await accounts.resolve(OTHER, second)).email == "ada@example.org"
    await accounts.unlink(made.subject, identity().key)
    user = await users.find(made.subject)
    assert (user.email, user.email_verified) == (None, False)
    assert (await accounts.resolve(OTHER, second)).email == "second@example.org"


async def test_the_audit_log_names_user_and_provider_and_no_address(store):
    accounts = account_directory(store)
    made = await accounts.resolve(CORP, identity())
    await accounts.link(made.subject, OTHER, identity(provider="other"))
    await accounts.link(made.subject, OTHER, identity(provider="other"))
    await accounts.unlink(made.subject, identity(provider="other").key)
    entries = [(entry.event, dict(entry.fields)) for entry in accounts._audit._writer._items]
    assert entries == [
        ("user.added", {"user": made.subject, "username": "corp/1", "provider": "corp"}),
        ("user.identity_linked", {"user": made.subject, "provider": "other"}),
        ("user.identity_unlinked", {"user": made.subject, "provider": "other"}),
    ]
    assert json.dumps(entries).count("example") == 0
