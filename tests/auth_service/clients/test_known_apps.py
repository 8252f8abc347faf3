"""Which client uses the name of a well-known app from elsewhere, and whose letter has a colour."""

import pytest

from auth_service.clients.client import Client, ClientKind
from auth_service.clients.known_apps import KNOWN_APPS, document_colour, document_host, imitated_app
from auth_service.pages.appearance import READABLE, WHITE, contrast, parse_colour
from auth_service.protocol.redirect_uri import redirect_target
from tests.e2e.client_profiles import PROFILES
from tests.support import vendor_documents

pytestmark = pytest.mark.invariant(7)

EVIL = "https://evil.example/callback"
DOCUMENT = "https://evil.example/client.json"


def imitated(name, redirect_uri=EVIL, *, client_id="own-1", kind=ClientKind.REGISTERED):
    app = imitated_app(Client(client_id, kind, (redirect_uri,), client_name=name), redirect_target(redirect_uri))
    return app and app.name


@pytest.mark.parametrize(
    ("name", "app"),
    [
        ("Claude", "Claude"),
        ("CLAUDE", "Claude"),
        ("claude code", "Claude"),
        ("ClaudeCode", "Claude"),
        ("Claude (official)", "Claude"),
        ("The new Claude", "Claude"),
        ("Claude 5", "Claude"),
        ("Claude5", "Claude"),
        ("Anthropic", "Claude"),
        ("Chat GPT", "ChatGPT"),
        ("chat-gpt", "ChatGPT"),
        ("OpenAI Connector", "ChatGPT"),
        ("VSCode", "VS Code"),
        ("Visual Studio Code", "VS Code"),
        ("Cursor", "Cursor"),
        ("Cursor AI", "Cursor"),
        ("Git Hub", "GitHub Copilot"),
        ("Gemini CLI", "Gemini"),
    ],
)
def test_a_registered_client_with_a_known_name_and_a_redirect_elsewhere_imitates(name, app):
    assert imitated(name) == app


@pytest.mark.parametrize(
    "name",
    [
        "C l a u d e",
        "C.l.a.u.d.e",
        "Сlаudе",  # Cyrillic С, а and е
        "CІaude",  # Cyrillic І for l
        "CIaude",
        "C1aude",
        "C|aude",
        "c1aud3",
        "Çláude",
        "𝐂𝐥𝐚𝐮𝐝𝐞",
        "Ｃｌａｕｄｅ",
        "Ⓒlaude",
        "Clаude\u200b",
        "Cl\u00adaude",
        "cLaUdE",
        "Cl\u0430ude Code",
        "ᏟⅬaude",  # Cherokee C, Roman numeral fifty
    ],
)
def test_letters_that_look_alike_do_not_hide_a_known_name(name):
    assert imitated(name) == "Claude"


@pytest.mark.parametrize("name", ["ᴄʟᴀᴜᴅᴇ", "Cʟᴀᴜᴅᴇ Code", "🅒🅛🅐🅤🅓🅔", "🅲🅻🅰🆄🅳🅴", "🇨🇱🇦🇺🇩🇪"])
def test_letters_of_another_style_do_not_hide_a_known_name(name):
    assert imitated(name) == "Claude"


@pytest.mark.parametrize("name", ["ChatGPTApp", "OpenAIConnector", "MyChatGPTServer"])
def test_a_word_right_behind_capitals_does_not_hide_a_known_name(name):
    assert imitated(name) == "ChatGPT"


def test_two_letters_that_look_like_one_do_not_hide_a_known_name():
    assert imitated("Gernini") == "Gemini"


@pytest.mark.parametrize(
    "name",
    [
        "",
        None,
        "My notes",
        "Claudette",
        "Precursor",
        "Cursor pagination",
        "Organized",
        "ngrok",
        "Mongoose",
        "写作助手",
        "!?",
    ],
)
def test_a_name_of_its_own_imitates_nothing(name):
    assert imitated(name) is None


def test_a_document_is_judged_by_its_own_host_wherever_it_leads():
    of_document = {"client_id": DOCUMENT, "kind": ClientKind.METADATA_DOCUMENT}
    for redirect_uri in (EVIL, "http://127.0.0.1/callback", "https://claude.ai/api/mcp/auth_callback"):
        assert imitated("Claude", redirect_uri, **of_document) == "Claude"


def test_a_registered_client_whose_answer_goes_to_the_app_itself_does_not_imitate():
    assert imitated("Claude", "https://claude.ai/api/mcp/auth_callback") is None
    assert imitated("Claude", "https://claude.ai:8443/callback") == "Claude"
    assert imitated("Claude", "https://claude.ai.evil.example/callback") == "Claude"


def test_a_name_that_mentions_two_apps_may_be_at_either_of_them():
    assert imitated("Claude for VS Code", "https://vscode.dev/redirect") is None
    assert imitated("Claude for VS Code") == "Claude"


def test_a_registered_client_on_the_device_has_the_warning_of_the_device_instead():
    for redirect_uri in ("http://localhost:1/callback", "cursor://claude.ai/callback"):
        assert imitated("Claude", redirect_uri) is None


def test_the_operator_vouches_for_a_pre_registered_name():
    assert imitated("Claude", kind=ClientKind.PRE_REGISTERED) is None


@pytest.mark.parametrize("profile", PROFILES, ids=str)
def test_no_client_of_the_field_is_taken_for_an_imitation(profile):
    about = profile.document or profile.registration or {}
    kind = ClientKind.METADATA_DOCUMENT if profile.document else ClientKind.REGISTERED
    name = about.get("client_name")
    assert imitated(name, profile.redirect_uri, client_id=about.get("client_id", "own-1"), kind=kind) is None


def test_every_known_name_is_found_by_itself():
    for app in KNOWN_APPS:
        for name in (app.name, *app.other_names):
            assert imitated(name) is not None, name


def test_white_is_readable_on_the_colour_of_every_vendor_that_has_one():
    colours = {
        document["client_id"]: document_colour(document["client_id"].split("/")[2]) for document in vendor_documents.ALL
    }
    assert all(colours.values()), colours
    assert all(contrast(parse_colour(colour), WHITE) >= READABLE for colour in colours.values())


def test_another_host_has_no_colour_and_another_kind_of_client_no_host():
    assert document_colour("evil.example") == document_colour(None) == ""
    assert document_host(Client(DOCUMENT, ClientKind.METADATA_DOCUMENT, (EVIL,))) == "evil.example"
    assert document_host(Client("https://claude.ai/x", ClientKind.PRE_REGISTERED, (EVIL,))) is None
