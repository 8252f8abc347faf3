"""`users` and the accounts of identity providers."""

import asyncio
import json

import pytest

from shared.redis.single import SingleRedisClient
from tests.support.identities import account_directory, identity, provider

GOOD = "violet kettle marches north"
CORP_ISSUER = "https://corp.example"
CORP = {
    "id": "corp",
    "kind": "oidc",
    "display_name": "Corp",
    "issuer": CORP_ISSUER,
    "client_id": "us",
    "client_secret": "secret",
    "allow": {"everyone": True},
}
GITHUB = {
    "id": "github",
    "kind": "github",
    "display_name": "GitHub",
    "client_id": "us",
    "client_secret": "secret",
    "allow": {"everyone": True},
}


@pytest.fixture
def environment(environment):
    return environment | {"AUTH_IDENTITY_PROVIDERS": json.dumps([CORP, GITHUB])}


@pytest.fixture
def sign_in(environment):
    """Signs in with an identity, as the service does."""

    def sign_in(signed_in, *, creation="on"):
        async def resolve():
            store = SingleRedisClient(environment["AUTH_REDIS_URL"])
            try:
                accounts = account_directory(store, creation=creation)
                return await accounts.resolve(provider(signed_in.provider), signed_in)
            finally:
                await store.close()

        return asyncio.run(resolve())

    return sign_in


@pytest.mark.parametrize(
    ("named", "signed_in"),
    [
        ("corp:did:example:ada", identity("did:example:ada", issuer=CORP_ISSUER)),
        ("github:583231", identity("583231", provider="github", issuer="https://github.com")),
    ],
)
def test_an_account_that_is_prepared_for_an_identity_is_the_one_that_it_signs_in_to(
    commands, sign_in, named, signed_in
):
    added = commands.json("users", "add", "ada", "--identity", named, "--email", "ada@example.org")
    assert (added["result"], added["has_password"]) == ("added", False)
    shown = commands.json("users", "show", "ada")
    assert (shown["last_provider_sign_in"], shown["identities"][0]["last_sign_in"]) == (None, None)
    user = sign_in(signed_in, creation="invited")
    assert (user.subject, user.username) == (added["subject"], "ada")
    event = json.loads(commands.run("audit", "--json", "--event", "user.added").stdout.splitlines()[0])
    assert (event["provider"], event["by"]) == (signed_in.provider, "operator")


@pytest.mark.parametrize(
    ("preset", "issuer"),
    [
        ({"preset": "google"}, "https://accounts.google.com"),
        ({"preset": "gitlab"}, "https://gitlab.com"),
        (
            {"preset": "entra", "tenant": "organizations"},
            "https://login.microsoftonline.com/{tenantid}/v2.0",
        ),
    ],
    ids=["google", "gitlab", "entra"],
)
def test_the_issuer_of_a_preset_need_not_be_given(commands, preset, issuer):
    entry = {name: value for name, value in CORP.items() if name != "issuer"} | preset
    result = commands.run(
        *("users", "add", "ada", "--identity", "corp:1", "--json"),
        env={"AUTH_IDENTITY_PROVIDERS": json.dumps([entry])},
    )
    assert result.exit_code == 0
    assert commands.json("users", "show", "ada")["identities"][0]["issuer"] == issuer


@pytest.mark.parametrize("named", ["elsewhere:1", "corp", "ada@example.org", ":1"])
def test_an_identity_of_no_configured_provider_is_refused(commands, named):
    result = commands.run("users", "add", "ada", "--identity", named)
    assert result.exit_code == 1
    assert "corp, github" in result.stderr
    assert commands.json("users", "list") == []


@pytest.mark.parametrize("named", ["corp:", "corp:" + "x" * 256])
def test_an_impossible_subject_is_refused(commands, named):
    result = commands.run("users", "add", "ada", "--identity", named)
    assert result.exit_code == 1
    assert "subject" in result.stderr


def test_a_user_has_an_identity_or_a_password_when_added(commands):
    result = commands.run("users", "add", "ada", "--identity", "corp:1", "--generate")
    assert result.exit_code == 2
    assert commands.json("users", "list") == []
    commands.json("users", "add", "ada", "--identity", "corp:1")
    assert commands.json("users", "set-password", "ada", "--generate")["password"]
    assert commands.json("users", "show", "ada")["has_password"] is True


def test_an_identity_that_has_an_account_is_not_given_to_another(commands, sign_in):
    made = sign_in(identity(issuer=CORP_ISSUER))
    result = commands.run("users", "add", "grace", "--identity", "corp:1")
    assert result.exit_code == 1
    assert f"users show {made.subject}" in result.stderr
    result = commands.run("users", "add", "corp/1", "--identity", "corp:2")
    assert result.exit_code == 1
    assert "marks the accounts of identity providers" in result.stderr


def test_the_list_names_the_providers_of_each_user(commands, sign_in):
    sign_in(identity(login="ada"))
    commands.json("users", "add", "margaret", "--password-stdin", stdin=GOOD)
    listed = {row["username"]: row["providers"] for row in commands.json("users", "list")}
    assert listed == {"corp/ada": ["corp"], "margaret": []}
    output = commands.run("users", "list").stdout
    assert "providers" in output
    assert "corp/ada" in output


def test_a_user_is_shown_with_what_the_provider_stated(commands, sign_in):
    stated = {"login": "ada", "groups": ("staff", "ops"), "email": "ada@example.org", "claims": {"role": "dev"}}
    made = sign_in(identity("did:example:1", **stated))
    for named in (made.subject, "CORP/ADA"):
        shown = commands.json("users", "show", named)
        assert (shown["subject"], shown["username"], shown["providers"]) == (made.subject, "corp/ada", ["corp"])
        assert shown["last_provider_sign_in"] == "2027-01-15T08:00:00Z"
        (known,) = shown["identities"]
        assert (known["subject"], known["groups"], known["claims"]) == (
            "did:example:1",
            ["staff", "ops"],
            {"role": "dev"},
        )
    assert "subject: did:example:1" in commands.run("users", "show", made.subject).stdout


def test_a_text_of_a_provider_cannot_control_the_terminal(commands, sign_in):
    made = sign_in(identity("1", name="\x1b[31mred", login="\x1b]0;title\x07", groups=("\x1b[2J",)))
    for command in (("list",), ("show", made.subject)):
        assert "\x1b" not in commands.run("users", *command).stdout


@pytest.mark.parametrize("by", ["username", "subject"])
def test_an_account_of_a_provider_is_suspended_resumed_and_removed(commands, sign_in, by):
    named = getattr(sign_in(identity(login="ada")), by)
    assert commands.json("users", "suspend", named, "--yes")["suspended"]
    assert commands.json("users", "resume", named)["suspended"] is None
    assert commands.json("users", "remove", named, "--yes")["result"] == "removed"
    assert commands.json("users", "list") == []
    assert commands.run("users", "show", named).exit_code == 1


def test_a_removed_user_can_sign_in_again_as_the_help_says(commands, sign_in):
    made = sign_in(identity())
    commands.json("users", "remove", made.subject, "--yes")
    assert sign_in(identity()).subject != made.subject
    assert "new account" in commands.run("users", "remove", "--help").stdout


def test_the_names_of_providers_accounts_cannot_be_given_to_a_user_with_a_password(commands):
    result = commands.run("users", "add", "corp/ada", "--password-stdin", stdin=GOOD)
    assert result.exit_code == 1
    assert "identity providers" in result.stderr
