"""A provider that lies on demand, and sign-ins there."""

import pytest

from tests.support.lying_provider import LyingProvider, OidcSignIn


@pytest.fixture
async def model():
    model = LyingProvider()
    await model.start()
    yield model
    await model.stop()


@pytest.fixture
async def sign_in(model):
    sign_in = OidcSignIn(model)
    yield sign_in
    await sign_in.http.close()
