"""Settings and code of docs/migrating-from-privy.md and docs/providers/external.md, as they stand there."""

import json
import re
import shlex
import textwrap
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from devstack.service_process import REPOSITORY
from examples.external_sign_in.new_key import new_key
from tests.support.user_agent import UserAgent

GUIDE = (REPOSITORY / "docs" / "migrating-from-privy.md").read_text(encoding="utf-8")
PAGE = (REPOSITORY / "docs" / "providers" / "external.md").read_text(encoding="utf-8")
PROVIDERS_FILE = "/etc/sallyport/providers.json"


def block(text: str, language: str) -> str:
    """The first block in a language."""
    found = re.search(rf"^( *)```{language}\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return textwrap.dedent(found[2])


def told(text: str, name: str) -> str:
    """The value of an environment variable in a table."""
    found = re.search(rf"^ *\| `{name}` \| `([^`]+)`", text, re.MULTILINE)
    assert found is not None, name
    return found[1]


class PrivyGuide:
    """The guide, followed by an operator with a new key."""

    def __init__(self, directory: Path) -> None:
        """`directory` holds the file of providers."""
        self.sign_in_key, public = new_key()
        entries = json.loads(block(PAGE, "json"))
        entries[0]["jwks"] = json.loads(public)
        self.entry: dict[str, Any] = entries[0]
        file = directory / "providers.json"
        file.write_text(json.dumps(entries), encoding="utf-8")
        lines = shlex.split(block(GUIDE, "sh"))
        self.settings = dict(line.split("=", 1) for line in lines)
        assert self.settings["AUTH_IDENTITY_PROVIDERS_FILE"] == PROVIDERS_FILE
        self.settings["AUTH_IDENTITY_PROVIDERS_FILE"] = str(file)
        (self.resource,) = json.loads(self.settings["AUTH_RESOURCES"])
        self.protected = block(GUIDE, "ts")
        """The lines of the server in TypeScript."""


async def arrive_at_the_page(user: UserAgent, guide: PrivyGuide, authorization_url: str) -> tuple[str, str]:
    """Follow the redirect of `/authorize` to the page; the state and the nonce in the query of the page."""
    answer = await user.get(authorization_url)
    assert answer.status == 303, answer.words
    assert str(answer.onward).partition("?")[0] == guide.entry["page"]
    query = {name: values[0] for name, values in parse_qs(urlsplit(str(answer.onward)).query).items()}
    return query["state"], query["nonce"]
