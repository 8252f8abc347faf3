"""The texts of the pages come from a gettext catalogue; values in them are as safe as in every other output."""

from gettext import NullTranslations

import pytest
from jinja2 import Environment

from auth_service.pages.catalogue import install_texts
from auth_service.pages.renderer import Pages
from auth_service.pages.views import SignedOutView


class Shouted(NullTranslations):
    """A catalogue whose every text differs from its id."""

    def gettext(self, message):
        return f"«{message}»"

    def ngettext(self, msgid1, msgid2, n):
        return f"«{msgid1 if n == 1 else msgid2}»"


@pytest.fixture
def environment():
    environment = Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
    install_texts(environment, NullTranslations())
    return environment


def test_a_page_shows_the_texts_of_its_catalogue():
    view = SignedOutView("/sign-in", everywhere=True, applications_ended=2)
    html = Pages(translations=Shouted()).signed_out(view).text or ""
    assert "<h1>«You are signed out»</h1>" in html
    assert "«The access of 2 applications is ended too.»" in html


def test_a_value_in_a_text_is_escaped_and_stripped_of_invisible_characters(environment):
    template = environment.from_string("{% trans %}Let <b>{{ name }}</b> in{% endtrans %}")
    assert template.render(name="<i>A\u202e\u200bB") == "Let <b>&lt;i&gt;AB</b> in"


def test_the_number_chooses_the_form_of_a_text(environment):
    template = environment.from_string(
        "{% trans count=n %}{{ count }} app{% pluralize %}{{ count }} apps{% endtrans %}"
    )
    assert [template.render(n=n) for n in (1, 2)] == ["1 app", "2 apps"]
