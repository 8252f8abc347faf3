"""Well-known MCP clients: which hosts may use their names, and which client uses such a name from elsewhere. Pure.

Invariant 7: the consent page warns of such a client. A client can register any name (RFC 7591), and a metadata document
proves its host only. State of September 2026; an app that users host themselves, or whose hosts are unknown, is not in
the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from auth_service.clients.client import ClientKind
from auth_service.clients.name_folding import folded_words

if TYPE_CHECKING:
    from auth_service.clients.client import Client
    from auth_service.protocol.redirect_uri import RedirectTarget


@dataclass(frozen=True, slots=True)
class KnownApp:
    """One app. `hosts` are those of its metadata documents and redirect URIs, the best known one first."""

    name: str
    hosts: tuple[str, ...]
    other_names: tuple[str, ...] = ()
    is_word: bool = False
    """The name is an ordinary word: only a client whose whole name it is uses it."""


KNOWN_APPS: Final = (
    KnownApp("ChatGPT", ("chatgpt.com",), ("OpenAI",)),
    KnownApp("Codex", ("chatgpt.com",), is_word=True),
    KnownApp("Claude", ("claude.ai", "claude.com"), ("Anthropic",)),
    KnownApp("VS Code", ("vscode.dev", "insiders.vscode.dev"), ("Visual Studio Code",)),
    KnownApp("GitHub Copilot", ("github.com",), ("GitHub",)),
    KnownApp(
        "Microsoft Copilot", ("copilotstudio.microsoft.com", "global.consent.azure-apim.net"), ("Copilot Studio",)
    ),
    KnownApp("Cursor", ("cursor.com", "www.cursor.com"), ("Cursor AI", "Cursor IDE", "Cursor Agent"), is_word=True),
    KnownApp(
        "Gemini",
        ("gemini.google.com", "oauth-redirect.googleusercontent.com", "vertexaisearch.cloud.google.com"),
    ),
    KnownApp("Antigravity", ("antigravity.google",), ("Google Antigravity",), is_word=True),
    KnownApp("Le Chat", ("chat.mistral.ai", "callback.mistral.ai"), ("Mistral",)),
    # On the web it is also a client of Cursor's.
    KnownApp("Grok", ("grok.com", "console.x.ai", "www.cursor.com"), ("xAI",)),
    KnownApp("Perplexity", ("www.perplexity.ai", "enterprise.perplexity.ai"), ("Perplexity AI",), is_word=True),
    KnownApp("Goose", ("goose-docs.ai",), is_word=True),
    KnownApp("Zed", ("zed.dev",), ("Zed Editor",), is_word=True),
    KnownApp("Devin", ("api.devin.ai",), ("Devin AI",), is_word=True),
)

_COLOURS: Final = {
    "chatgpt.com": "#0b7a5c",
    "claude.ai": "#b5522f",
    "vscode.dev": "#0067b8",
    "github.com": "#24292f",
    "zed.dev": "#0b4fc4",
    "goose-docs.ai": "#44403c",
    "grok.com": "#18181b",
}


def document_colour(host: str | None) -> str:
    """A colour, `#rrggbb`, for the letter of a client whose metadata document is at this host; empty if unknown.

    White is readable on it. The letter stands in place of a logo: trademarks are not ours to distribute, and nothing is
    fetched for display.
    """
    return _COLOURS.get(host or "", "")


def document_host(client: Client) -> str | None:
    """The host that a client ID metadata document proves; None for other kinds of clients."""
    return urlsplit(client.client_id).hostname if client.kind is ClientKind.METADATA_DOCUMENT else None


def imitated_app(client: Client, target: RedirectTarget) -> KnownApp | None:
    """The known app whose name a client uses from a host that is none of the app's; None if there is none.

    A document is judged by its own host, a registered client by the host of its redirect URI. A registered client on
    the user's device has no host: its name cannot be checked, and the page warns of every redirect to the device. The
    operator vouches for the names of pre-registered clients.
    """
    host = document_host(client)
    if client.kind is ClientKind.PRE_REGISTERED or not client.client_name or (host is None and target.is_local):
        return None
    named = _apps_named_in(client.client_name)
    if any((host or target.host) in app.hosts for app in named):
        return None
    return named[0] if named else None


def _apps_named_in(name: str) -> list[KnownApp]:
    """The known apps whose names a client name contains, in the order of the table."""
    whole: set[str] = set()
    parts: set[str] = set()
    for words in folded_words(name):
        whole.add("".join(words))
        parts |= {"".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)}
    return [app for app, names in _FOLDED if not names.isdisjoint(whole if app.is_word else parts)]


def _folded(app: KnownApp) -> frozenset[str]:
    return frozenset("".join(folded_words(name)[0]) for name in (app.name, *app.other_names))


_FOLDED: Final = tuple((app, _folded(app)) for app in KNOWN_APPS)
