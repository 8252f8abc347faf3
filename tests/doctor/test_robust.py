"""Whatever a server says, the doctor judges it and does not fall over."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sallyport_doctor.challenge import read_challenges
from sallyport_doctor.diagnosis import diagnose
from sallyport_doctor.exchange import Exchange
from sallyport_doctor.knowledge.catalogue import load_catalogue
from sallyport_doctor.knowledge.clients import load_clients
from sallyport_doctor.login.seen import LoginSeen, RegistrationSeen, StepUpSeen, TokenSeen
from sallyport_doctor.login.token import look_into
from sallyport_doctor.observation import HostSeen, Observation
from tests.doctor.zoo.healthy import HealthyServer

URL = "https://mcp.example/mcp"
CATALOGUE, TABLE = load_catalogue(), load_clients()
WORDS = (
    "",
    "none",
    "S256",
    "code",
    URL,
    "https://mcp.example",
    "http://[",
    "//",
    "http://h:x/",
    "RSA",
    "::",
    "\x00",
    "é",
)
MEMBERS = [
    "resource",
    "authorization_servers",
    "scopes_supported",
    "bearer_methods_supported",
    "issuer",
    "keys",
    "kty",
    "kid",
    "n",
    "message",
    "isError",
    "authorization_endpoint",
    "token_endpoint",
    "registration_endpoint",
    "jwks_uri",
    "response_types_supported",
    "_meta",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
    "client_id_metadata_document_supported",
    "result",
    "error",
    "tools",
    "supportedVersions",
    "iss",
    "aud",
    "exp",
    "iat",
    "nbf",
    "alg",
    "typ",
]
HEADERS = [
    "WWW-Authenticate",
    "Location",
    "Content-Type",
    "Cache-Control",
    "Last-Modified",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Headers",
    "Content-Security-Policy",
]
VALUES = (
    *WORDS,
    "text/html",
    "text/event-stream",
    "max-age=9",
    "Bearer a=b",
    'Bearer resource_metadata="http://["',
    "Basic",
)


class Stranger:
    """Makes answers that mean nothing, the same for the same seed."""

    def __init__(self, seed):
        self._random = random.Random(seed)

    def value(self, depth=0):
        kind = self._random.randrange(6 if depth < 3 else 4)
        if kind == 4:
            return [self.value(depth + 1) for _ in range(self._random.randrange(3))]
        if kind == 5:
            return self.document(depth + 1)
        return self._random.choice([*WORDS, None, True, False, 0, -1, 10**30, float("nan"), float("inf"), 1.5])

    def document(self, depth=0):
        return {self._random.choice(MEMBERS): self.value(depth) for _ in range(self._random.randrange(9))}

    def exchange(self):
        body = json.dumps(self._random.choice([self.document(), self.document(), self.value()])).encode()
        headers = [
            (self._random.choice(HEADERS), self._random.choice(VALUES)) for _ in range(self._random.randrange(4))
        ]
        status = self._random.choice([200, 200, 201, 302, 400, 401, 401, 403, 404, 500])
        return Exchange("GET", URL, status, tuple(headers), body, self._random.random() * 20)

    def answers(self, *names):
        return {name: self.exchange() for name in names}


@pytest.mark.parametrize("seed", range(40))
def test_no_answer_makes_a_rule_fail(seed):
    for offset in range(5):
        stranger = Stranger(seed * 5 + offset)
        answers = stranger.answers
        claims = stranger.document()
        seen = Observation(
            url=URL,
            now=1.0e9,
            hosts=(HostSeen("mcp.example", ("93.184.216.34",)),),
            mcp=answers("tools/list", "initialize", "server/discover", "worthless token", "other slash"),
            resource_metadata=answers("named", "path", "root"),
            server_metadata=answers("oauth", "openid", "openid-appended", "at-resource"),
            key_set=stranger.exchange(),
            cors=answers("preflight", "endpoint", "resource metadata", "server metadata", "token_endpoint"),
            endpoints=answers("token", "authorize"),
            registration=RegistrationSeen(authorize=answers("as it should be", "other port", "other redirect")),
            login=LoginSeen(
                answered=True,
                calls=answers("tools/list", "initialize", "server/discover"),
                step_up=StepUpSeen("tools/call x", ("a",), ("b",), stranger.exchange()),
            ),
            token_at_hand=TokenSeen(opaque=False, header=stranger.document(), claims=claims),
        )
        assert diagnose(seen, CATALOGUE, TABLE).verdicts


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_any_header_can_be_read(header):
    assert isinstance(read_challenges(header), tuple)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_any_string_can_be_examined_as_a_token(text):
    assert look_into(text, {"keys": [{"kty": "RSA"}, None]}).signature in {"not checked", "no such key"}


async def test_words_of_a_stranger_cannot_command_the_terminal(run):
    class Painter(HealthyServer):
        def resource_metadata(self):
            return super().resource_metadata() | {"scopes_supported": ["notes:read", "\x1b[2J\x1b[31mgone"]}

    [finding] = (await run(Painter())).findings
    assert (finding.id, finding.seen) == ("scopes-of-resource-unknown", "?[2J?[31mgone")
