"""The examples in TypeScript for sign-in on a page of the operator, as programs in Node."""

import asyncio
import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

from joserfc.jwk import Key

from devstack.service_process import REPOSITORY
from tests.support.local_issuer import sign_bytes

EXAMPLES = REPOSITORY / "examples" / "external_sign_in"
INSTALLED = REPOSITORY / "build" / "npm-external-sign-in"
NODE = "22.23.3"
APP_ID = "privy-app-1"
BACKEND_PROGRAM = """
import { POST } from "./privy_backend.ts";
const results = [];
for (const { authorization, body } of JSON.parse(process.env.REQUESTS)) {
  const headers = authorization === null ? {} : { authorization };
  const answer = await POST(new Request("https://app.example.com/", { method: "POST", headers, body }));
  results.push({ status: answer.status, body: await answer.json() });
}
console.log(JSON.stringify(results));
"""
PROTECTED = """
const app = express();
await protect(app, ["notes:read"]);
"""


def server_program(protected: str = PROTECTED) -> str:
    """A server whose endpoint answers with what was verified; `protected` are the lines that protect it."""
    return f"""
import express from "express";
import {{ protect }} from "./protect.ts";
{protected}
app.post("/mcp", (request, response) => response.json(request.auth));
app.use((error, request, response, next) => response.sendStatus(500));
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""


def install() -> Path:
    """The directory of the examples with their dependencies, and a Node that runs them as they are."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for file in (*EXAMPLES.glob("*.ts"), EXAMPLES / "package.json"):
        shutil.copy(file, INSTALLED)
    subprocess.run(
        ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error", f"node@{NODE}"],
        cwd=INSTALLED,
        check=True,
        timeout=540,
    )
    return INSTALLED


@contextlib.asynccontextmanager
async def node(directory: Path, script: str, **environment: str) -> AsyncIterator[asyncio.StreamReader]:
    """A program in Node, and the lines that it prints."""
    process = await asyncio.create_subprocess_exec(
        str(directory / "node_modules/.bin/node"),
        *("--no-warnings", "--input-type=module", "-e", script),
        cwd=directory,
        env={"PATH": f"{directory / 'node_modules/.bin'}:/usr/bin:/bin", **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]  # asyncio offers no public way


def privy_token(key: Key, **changes: object) -> str:
    """An access token as Privy issues it."""
    now = int(time.time())
    claims = {"sid": "s1", "sub": "did:privy:cl3x", "iss": "privy.io", "aud": APP_ID, "iat": now, "exp": now + 3600}
    header = {"typ": "JWT", "alg": key.alg, "kid": key.kid}
    return sign_bytes(json.dumps(header).encode(), json.dumps(claims | changes).encode(), key)
