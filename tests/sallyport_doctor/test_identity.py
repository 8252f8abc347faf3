"""Signing in as a pre-registered client, with a secret or without."""

import socket

import pytest
from aiohttp import BasicAuth

from sallyport_doctor.evidence import ExaminationError
from tests.sallyport_doctor.faulty_servers.healthy import SigningIn
from tests.sallyport_doctor.faulty_servers.register import oauth_error
from tests.support.free_ports import free_port

SECRET = "a b:c%insecure"


class PreRegistered(SigningIn):
    """Offers no registration; one client is pre-registered."""

    methods: tuple[str, ...] = ("none",)

    def __init__(self, **client):
        super().__init__()
        self.clients["by-hand"] = {
            "client_id": "by-hand",
            "redirect_uris": ["http://127.0.0.1/callback"],
            "secret": "",
            **client,
        }

    def metadata(self):
        document = super().metadata() | {"token_endpoint_auth_methods_supported": list(self.methods)}
        del document["registration_endpoint"]
        return document


class Confidential(PreRegistered):
    """Requires the secret at the token endpoint and does not rotate: its clients are confidential."""

    methods = ("none", "client_secret_basic")

    def __init__(self):
        super().__init__(secret=SECRET)

    def presented(self, request, form):
        header = request.headers.get("Authorization")
        return BasicAuth.decode(header).password if header else None

    async def answer_token(self, request):
        form = await request.post()
        if form.get("client_id") == "sallyport-doctor-unknown-client":
            return oauth_error("invalid_client", 401)
        # RFC 6749 section 2.3.1: id and secret are form-encoded before they are joined.
        if self.presented(request, form) != "a+b%3Ac%25insecure":
            return oauth_error("invalid_client", 401)
        client = self.clients["by-hand"]
        return self.redeem_code(form, client) if "code" in form else self.refresh(form, client)

    def next_refresh_token(self, grant):
        return grant["current"] or super().next_refresh_token(grant)

    async def answer_revoke(self, request):
        if self.presented(request, await request.post()) is None:
            return oauth_error("invalid_client", 401)
        return await super().answer_revoke(request)


class ConfidentialByPost(Confidential):
    methods = ("none", "client_secret_post")

    def presented(self, request, form):
        secret = form.get("client_secret")
        return "a+b%3Ac%25insecure" if secret == SECRET else None


def ids(diagnosis):
    return {f.id for f in diagnosis.findings}


async def test_without_a_client_the_doctor_says_how_to_give_it_one_and_does_not_call_it_health(run):
    diagnosis = await run(PreRegistered(), login=True)
    [finding] = [f for f in diagnosis.findings if f.id == "login-needs-client"]
    assert "--client-id ID" in finding.entry.fix
    assert diagnosis.exit_status == 1


async def test_with_a_public_client_by_hand_the_sign_in_goes_through(run):
    diagnosis = await run(PreRegistered(), login=True, client_id="by-hand")
    assert ids(diagnosis) == {"dcr-not-offered"}
    assert "a JWT of type at+jwt" in " ".join(diagnosis.remarks)


@pytest.mark.parametrize("kind", [Confidential, ConfidentialByPost])
async def test_a_client_with_a_secret_authenticates_as_the_metadata_says_and_need_not_rotate(run, kind):
    diagnosis = await run(kind(), login=True, client_id="by-hand", client_secret=SECRET)
    assert ids(diagnosis) <= {"dcr-not-offered", "auth-method-none-not-first"}
    assert "a JWT of type at+jwt" in " ".join(diagnosis.remarks)


async def test_a_wrong_secret_is_told(run):
    diagnosis = await run(Confidential(), login=True, client_id="by-hand", client_secret="another")
    assert "exchange-refused" in ids(diagnosis)


class RegistersConfidentialClients(SigningIn):
    """Issues a secret to each client and requires it."""

    def method_for(self, asked):
        return "client_secret_post"

    async def answer_token(self, request):
        form = await request.post()
        client = self.clients.get(form.get("client_id"))
        if client is None or form.get("client_secret") != client["client_secret"]:
            return oauth_error("invalid_client", 401)
        return await super().answer_token(request)


async def test_a_secret_that_came_with_the_registration_is_used(run):
    diagnosis = await run(RegistersConfidentialClients(), login=True)
    assert ids(diagnosis) == set()


async def test_the_answer_can_be_awaited_at_a_port_of_the_users_choice(run):
    port = free_port(("127.0.0.1",))

    class ComparesPorts(PreRegistered):
        def redirect_matches(self, registered, presented):
            return registered == presented

    model = ComparesPorts(redirect_uris=[f"http://127.0.0.1:{port}/callback"])
    diagnosis = await run(model, login=True, client_id="by-hand", callback_port=port)
    assert ids(diagnosis) == {"dcr-not-offered"}


async def test_a_port_that_is_taken_is_said_to_be(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ExaminationError, match=f"nothing can listen on port {port}"):
            await run(PreRegistered(), login=True, client_id="by-hand", callback_port=port)
