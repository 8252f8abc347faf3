import pytest

from shared.errors import Misconfigured
from tests.support.auth_server import settings


@pytest.mark.parametrize(
    "unusable", [{"BRAND_COLOR": "red"}, {"BRAND_COLOR": "#17615b;}body{display:none"}, {"PRODUCT_NAME": "x" * 41}]
)
def test_an_invalid_appearance_prevents_the_start(unusable):
    (name,) = unusable
    with pytest.raises(Misconfigured, match=name):
        settings(**unusable)


def test_another_colour_and_name_are_accepted():
    chosen = settings(BRAND_COLOR="#7A1F5C", PRODUCT_NAME="Gate & Co")
    assert (chosen.brand_color, chosen.product_name) == ("#7A1F5C", "Gate & Co")
