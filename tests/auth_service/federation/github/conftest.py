"""A model of GitHub, and the provider that signs users in there."""

import pytest

from auth_service.federation.http import ProviderHttp
from tests.auth_service.federation.github.browser import SignIn
from tests.support.github_model import GitHubModel, GitHubUser

SECRET = "client-secret-of-the-app"


@pytest.fixture
async def github():
    model = GitHubModel(client_id="app-1", client_secret=SECRET)
    model.user = GitHubUser(
        583231,
        "octocat",
        name="Mona",
        emails=[
            {"email": "mona@example.com", "primary": True, "verified": True, "visibility": None},
            {"email": "other@example.com", "primary": False, "verified": True, "visibility": None},
        ],
        organizations={"acme": 11, "globex": 12},
        teams={"acme/platform": 21},
    )
    await model.start()
    yield model
    await model.stop()


@pytest.fixture
async def http():
    http = ProviderHttp(timeout_seconds=2)
    yield http
    await http.close()


@pytest.fixture
def sign_in(github, http):
    """Signs the user of the model in, and answers the identity."""
    return SignIn(github, http, client_secret=SECRET)
