"""No server response makes the doctor fail."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sallyport_doctor.challenge import read_challenges
from sallyport_doctor.diagnosis import diagnose
from sallyport_doctor.evidence import Evidence, HostEvidence
from sallyport_doctor.http_exchange import HttpExchange
from sallyport_doctor.knowledge.catalogue import load_catalogue
from sallyport_doctor.knowledge.clients import load_clients
from sallyport_doctor.login.token_examination import examine_token
from sallyport_doctor.login_evidence import LoginEvidence, RegistrationEvidence, StepUpEvidence, TokenEvidence
from tests.sallyport_doctor.faulty_servers.healthy import HealthyServer

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


class RandomResponses:
    """Generates random responses, reproducible by seed."""

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
        return HttpExchange("GET", URL, status, tuple(headers), body, self._random.random() * 20)

    def answers(self, *names):
        return {name: self.exchange() for name in names}


@pytest.mark.parametrize("seed", range(40))
def test_no_answer_makes_a_rule_fail(seed):
    for offset in range(5):
        random_responses = RandomResponses(seed * 5 + offset)
        answers = random_responses.answers
        claims = random_responses.document()
        evidence = Evidence(
            url=URL,
            now=1.0e9,
            hosts=(HostEvidence("mcp.example", ("93.184.216.34",)),),
            mcp=answers("tools/list", "initialize", "server/discover", "invalid token", "slash variant"),
            other_urls=answers("metadata", "usual"),
            resource_metadata=answers("named", "path", "root"),
            server_metadata=answers("oauth", "openid", "openid-appended", "at-resource"),
            key_set=random_responses.exchange(),
            cors=answers("preflight", "endpoint", "resource metadata", "server metadata", "token_endpoint"),
            oauth_endpoints=answers("token", "authorize"),
            registration=RegistrationEvidence(authorize=answers("baseline", "other port", "other redirect")),
            login=LoginEvidence(
                callback_received=True,
                calls=answers("tools/list", "initialize", "server/discover"),
                step_up=StepUpEvidence("tools/call x", ("a",), ("b",), random_responses.exchange()),
            ),
            supplied_token=TokenEvidence(opaque=False, header=random_responses.document(), claims=claims),
        )
        assert diagnose(evidence, CATALOGUE, TABLE).verdicts


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_any_header_can_be_read(header):
    assert isinstance(read_challenges(header), tuple)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_any_string_can_be_examined_as_a_token(text):
    assert examine_token(text, {"keys": [{"kty": "RSA"}, None]}).signature in {"not checked", "unknown key"}


async def test_control_characters_from_a_server_do_not_reach_the_terminal(run):
    class Painter(HealthyServer):
        def resource_metadata(self):
            return super().resource_metadata() | {"scopes_supported": ["notes:read", "\x1b[2J\x1b[31mgone"]}

    [finding] = (await run(Painter())).findings
    assert (finding.id, finding.observed) == ("scopes-of-resource-unknown", "?[2J?[31mgone")
