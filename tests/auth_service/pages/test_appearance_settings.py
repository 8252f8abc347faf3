import pytest

from shared.errors import Misconfigured
from tests.support.auth_server import settings


@pytest.mark.parametrize(
    "unusable",
    [
        {"BRAND_COLOR": "red"},
        {"BRAND_COLOR": "#17615b;}body{display:none"},
        {"PRODUCT_NAME": "x" * 41},
        {"FORGOT_PASSWORD": "javascript:alert(1)"},
        {"FORGOT_PASSWORD": "http://example.com/reset"},
        {"FORGOT_PASSWORD": "https://"},
        {"FORGOT_PASSWORD": "mailto:nobody"},
        {"FORGOT_PASSWORD": "help@example.com"},
    ],
)
def test_an_invalid_appearance_prevents_the_start(unusable):
    (name,) = unusable
    with pytest.raises(Misconfigured, match=name):
        settings(**unusable)


@pytest.mark.parametrize(
    "address", ["", "https://example.com/reset?from=tools", "mailto:help@example.com?subject=Password"]
)
def test_help_with_a_forgotten_password_is_on_a_website_or_by_mail(address):
    assert settings(FORGOT_PASSWORD=address).forgot_password == address


def test_another_colour_and_name_are_accepted():
    chosen = settings(BRAND_COLOR="#7A1F5C", PRODUCT_NAME="Gate & Co")
    assert (chosen.brand_color, chosen.product_name) == ("#7A1F5C", "Gate & Co")
