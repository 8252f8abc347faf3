"""What the documents say to write into AUTH_IDENTITY_PROVIDERS and AUTH_RESOURCES is accepted as it stands."""

import json
import re
import textwrap

import pytest

from auth_service.audit.provider_troubleshooting import PROVIDER_ERRORS
from auth_service.federation.configuration import OidcProvider
from auth_service.federation.oidc.presets import PRESETS
from auth_service.federation.provider_list import parse_providers
from auth_service.resources.catalogue import ProtectedResource
from auth_service.resources.unmet_requirements import unmet_requirements
from devstack.service_process import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = sorted((DOCS / "providers").glob("*.md"))
DOCUMENTS = [*PAGES, *(DOCS / f"{name}.md" for name in ("identity-providers", "access-rules", "accounts"))]
WITHOUT_A_BLOCK = {"accounts.md"}


def blocks(document):
    """The JSON of a page, each a list: of entries of providers, or of resources."""
    text = document.read_text(encoding="utf-8")
    found = re.findall(r"^( *)```json\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    parsed = [json.loads(textwrap.dedent(block)) for _, block in found]
    return [block if isinstance(block, list) else [block] for block in parsed]


def entries(block):
    """A block with secrets in the place of files."""
    return parse_providers(
        [
            {name.removesuffix("_file"): "secret" if name.endswith("_file") else value for name, value in entry.items()}
            for entry in block
        ]
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_every_block_of_json_is_accepted_by_the_settings(document):
    found = blocks(document)
    assert bool(found) == (document.name not in WITHOUT_A_BLOCK)
    for block in found:
        if "identifier" in block[0]:
            assert [ProtectedResource.model_validate(resource) for resource in block]
        else:
            assert unmet_requirements([], entries(block), passwords=True) == []


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_a_page_with_its_callback_and_its_entry(preset):
    page = DOCS / "providers" / f"{preset}.md"
    text = page.read_text(encoding="utf-8")
    for block in blocks(page):
        (entry,) = entries(block)
        assert isinstance(entry, OidcProvider)
        assert entry.preset == preset
        assert f"/sign-in/callback/{entry.id}" in text
    assert f"providers/{preset}.md" in (DOCS / "identity-providers.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda d: d.name)
def test_every_error_that_a_page_names_is_one_of_explain(page):
    rows = re.findall(r"^\| `([a-z_]+_[a-z_]+)`[^|]*\|", page.read_text(encoding="utf-8"), re.MULTILINE)
    named = {name for name in rows if name.startswith(("provider_", "sign_in_", "id_token_", "identity_", "external_"))}
    assert named <= set(PROVIDER_ERRORS)


def test_the_example_of_the_access_rules_requires_and_tells_what_providers_state():
    (block,) = [block for block in blocks(DOCS / "access-rules.md") if "identifier" in block[0]]
    (resource,) = [ProtectedResource.model_validate(entry) for entry in block]
    assert any(scope.requires for scope in resource.scopes.values())
    assert resource.claims
    (google,) = [block for page in PAGES if page.name == "google.md" for block in blocks(page)]
    (keycloak,) = [block for page in PAGES if page.name == "keycloak.md" for block in blocks(page)]
    assert unmet_requirements([resource], entries([*google, *keycloak]), passwords=False) == []
