"""A model of a provider, and sign-ins there."""

import pytest

from tests.support.oidc_model import OidcModel, OidcSignIn


@pytest.fixture
async def model():
    model = OidcModel()
    await model.start()
    yield model
    await model.stop()


@pytest.fixture
async def sign_in(model):
    sign_in = OidcSignIn(model)
    yield sign_in
    await sign_in.http.close()
