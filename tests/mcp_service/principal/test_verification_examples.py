"""examples/verify_assertion: each accepts what the guard signs for this request, once, and nothing else."""

import asyncio
import base64
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass

import jwt
import pytest
from aiohttp import web
from joserfc.jwk import Key

from devstack.service_process import REPOSITORY
from examples.verify_assertion.verify import AssertionVerifier
from mcp_service.principal.jwks_endpoint import OwnJwksEndpoint
from shared.jose.jws import parse_compact_jws
from tests.support.local_issuer import b64, new_key, sign_bytes
from tests.support.principals import assertions, own_keys, verified_token

EXAMPLES = REPOSITORY / "examples" / "verify_assertion"
INSTALLED = REPOSITORY / "build" / "npm-verify-assertion"
NODE = "22.23.3"
AUDIENCE = "https://server.internal/mcp"
BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "é"}}, ensure_ascii=False)
REQUEST = ("POST", "/mcp?a=1", BODY)

CALLS_TS = """
import { readFileSync } from "node:fs";
import { assertionVerifier } from "./verify.ts";
const { resource, audience, cases } = JSON.parse(readFileSync(0, "utf8"));
const verify = assertionVerifier(resource, audience);
const results = [];
for (const [assertion, method, path, body] of cases) {
  try {
    results.push((await verify(assertion, method, path, Buffer.from(body))).sub);
  } catch (error) {
    results.push(error.code?.startsWith("ERR_J") ? null : String(error));
  }
}
console.log(JSON.stringify(results));
"""
CALLS_GO = """package main

import (
	"encoding/json"
	"errors"
	"os"

	"example/assertion"
)

func main() {
	var input struct {
		Resource, Audience string
		Cases              [][4]string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&input); err != nil {
		panic(err)
	}
	verifier := assertion.New(input.Resource, input.Audience)
	results := []any{}
	for _, one := range input.Cases {
		claims, err := verifier.Verify(one[0], one[1], one[2], []byte(one[3]))
		switch {
		case err == nil:
			results = append(results, claims.Subject)
		case errors.Is(err, assertion.ErrRefused):
			results = append(results, nil)
		default:
			results = append(results, err.Error())
		}
	}
	json.NewEncoder(os.Stdout).Encode(results)
}
"""


@dataclass
class SigningGuard:
    """A guard whose JWKS is served at its resource."""

    resource: str
    key: Key
    second_key: Key

    def sign(self, *, keys=None, audience=AUDIENCE, resource=None, now=None, request=REQUEST):
        method, path, body = request
        handover = assertions(
            keys or own_keys(self.key, self.second_key), resource=resource or self.resource, audience=audience, now=now
        )
        (value,) = handover.headers(verified_token(), method=method, path=path, body=body.encode()).values()
        return value

    def resigned(self, *, key=None, header=None, **changes):
        """A good assertion with something changed before it was signed."""
        jws = parse_compact_jws(self.sign())
        whole = jws.header() | (header or {})
        claims = {name: value for name, value in (jws.payload() | changes).items() if value is not None}
        return sign_bytes(json.dumps(whole).encode(), json.dumps(claims).encode(), key or self.key)

    def unsigned(self):
        """`alg: none`."""
        jws = parse_compact_jws(self.sign())
        return f"{b64(json.dumps(jws.header() | {'alg': 'none'}).encode())}.{jws.payload_segment.decode()}."

    def with_public_key_as_secret(self):
        """HS256 with what is public."""
        jws = parse_compact_jws(self.sign())
        header = b64(json.dumps(jws.header() | {"alg": "HS256"}).encode())
        signing_input = f"{header}.{jws.payload_segment.decode()}"
        secret = json.dumps(self.key.as_dict(private=False)).encode()
        mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signing_input.encode(), secret)
        return f"{signing_input}.{b64(mac)}"

    def cases(self):
        """By name: an assertion, the request that it comes with, and whether the two are accepted together."""
        good, refused = self.sign(), dict[str, tuple[str, tuple[str, str, str]]]()
        now = time.time()
        stranger, other = new_key("guard-1", "ES256"), new_key("other-1", "ES256")
        refused["replayed"] = good, REQUEST
        for name, request in {
            "other method": ("DELETE", *REQUEST[1:]),
            "other path": ("POST", "/admin", BODY),
            "other query": ("POST", "/mcp?a=2", BODY),
            "other body": ("POST", "/mcp?a=1", BODY.replace("é", "e")),
            "empty body": ("POST", "/mcp?a=1", ""),
        }.items():
            refused[name] = self.sign(), request
        for name, assertion in {
            "expired": self.sign(now=now - 70),
            "other audience": self.sign(audience="https://other.internal/mcp"),
            "another guard's resource": self.sign(resource="https://other.example/mcp"),
            "another guard's key under our kid": self.sign(keys=own_keys(stranger)),
            "another guard's key": self.sign(keys=own_keys(other)),
            "alg none": self.unsigned(),
            "public key as secret": self.with_public_key_as_secret(),
            "access token type": self.resigned(header={"typ": "at+jwt"}),
            "without jti": self.resigned(jti=None),
            "without exp": self.resigned(exp=None),
            "changed payload": changed_payload(self.sign()),
            "nothing": "",
            "no jws": "e.e.e",
        }.items():
            refused[name] = assertion, REQUEST
        accepted = {"good": (good, REQUEST), "good again": (self.sign(), REQUEST)}
        return {name: (*case, True) for name, case in accepted.items()} | {
            name: (*case, False) for name, case in refused.items()
        }


def changed_payload(assertion):
    header, payload, signature = assertion.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return f"{header}.{b64(json.dumps(claims | {'sub': 'admin'}).encode())}.{signature}"


@pytest.fixture
async def guard():
    key, second_key = new_key("guard-1", "ES256"), new_key("guard-2", "ES256")
    app = web.Application()
    app.add_routes(OwnJwksEndpoint(keys=own_keys(key, second_key), resource_path="/mcp").routes())
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield SigningGuard(f"http://127.0.0.1:{runner.addresses[0][1]}/mcp", key, second_key)
    await runner.cleanup()


async def outcomes(guard, cases, command, directory, environment=None):
    """Who called, by the name of the case, as a program sees it that reads all of them; None is a refusal."""
    document = {
        "resource": guard.resource,
        "audience": AUDIENCE,
        "cases": [[assertion, *request] for assertion, request, _ in cases.values()],
    }
    process = await asyncio.create_subprocess_exec(
        *command, cwd=directory, env=environment, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await asyncio.wait_for(process.communicate(json.dumps(document).encode()), 500)
    assert process.returncode == 0
    return dict(zip(cases, json.loads(printed), strict=True))


def expected(cases):
    return {name: "user-1" if accepted else None for name, (_, _, accepted) in cases.items()}


@pytest.mark.invariant(14)
async def test_the_python_example_accepts_what_was_made_for_this_request_once(guard):
    verifier, cases = AssertionVerifier(guard.resource, AUDIENCE), guard.cases()
    cases["the other algorithm"] = guard.sign(keys=own_keys(guard.second_key)), REQUEST, True

    def verify(assertion, request):
        method, path, body = request
        try:
            return verifier.verify(assertion, method, path, body.encode())["sub"]
        except jwt.PyJWTError:
            return None

    seen = {name: await asyncio.to_thread(verify, *case[:2]) for name, case in cases.items()}
    assert seen == expected(cases)


async def test_the_python_example_forgets_what_has_expired(guard, monkeypatch):
    verifier = AssertionVerifier(guard.resource, AUDIENCE)
    now = time.time()
    for _ in range(3):
        await asyncio.to_thread(verifier.verify, guard.sign(), "POST", "/mcp?a=1", BODY.encode())
    assert len(verifier._used) == 3
    monkeypatch.setattr("time.time", lambda: now + 66)
    verifier._use("later", now + 120)
    assert list(verifier._used) == ["later"]


@pytest.fixture(scope="session")
def installed():
    """The example in TypeScript with its dependency, and a Node that runs it as it is."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for name in ("verify.ts", "package.json"):
        shutil.copy(EXAMPLES / name, INSTALLED)
    subprocess.run(
        ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error", f"node@{NODE}"],
        cwd=INSTALLED,
        check=True,
        timeout=540,
    )
    return INSTALLED


@pytest.mark.invariant(14)
@pytest.mark.npm
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
async def test_the_typescript_example_accepts_what_was_made_for_this_request_once(installed, guard):
    cases = guard.cases()
    cases["the other algorithm"] = guard.sign(keys=own_keys(guard.second_key)), REQUEST, True
    node = [str(installed / "node_modules/.bin/node"), "--no-warnings", "--input-type=module", "-e", CALLS_TS]
    environment = {"PATH": f"{installed / 'node_modules/.bin'}:/usr/bin:/bin"}
    assert await outcomes(guard, cases, node, installed, environment) == expected(cases)


@pytest.mark.invariant(14)
@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")
async def test_the_go_example_accepts_what_was_made_for_this_request_once(guard, tmp_path):
    """It verifies ES256 only: the key that the guard makes for itself."""
    (tmp_path / "assertion").mkdir()
    shutil.copy(EXAMPLES / "go" / "verify.go", tmp_path / "assertion")
    (tmp_path / "go.mod").write_text("module example\n\ngo 1.18\n", encoding="utf-8")
    (tmp_path / "main.go").write_text(CALLS_GO, encoding="utf-8")
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    built = await asyncio.create_subprocess_exec("go", "build", "-o", "verify", ".", cwd=tmp_path, env=environment)
    assert await asyncio.wait_for(built.wait(), 540) == 0
    cases = guard.cases()
    assert await outcomes(guard, cases, [str(tmp_path / "verify")], tmp_path) == expected(cases)
