"""The texts of the pages come from a gettext catalogue; values in them are as safe as in every other output."""

import shutil
import subprocess
from gettext import NullTranslations

import pytest
from jinja2 import Environment

from auth_service.pages.account_views import SignedOutView
from auth_service.pages.catalogue import ENGLISH, Catalogue, read_catalogue
from auth_service.pages.renderer import Pages
from auth_service.pages.views import ErrorView
from auth_service.texts import Text, message, plural
from devstack.messages_template import TEMPLATE, render


class Shouted(NullTranslations):
    """A catalogue whose every text differs from its id."""

    def gettext(self, message):
        return f"«{message}»"

    def ngettext(self, msgid1, msgid2, n):
        return f"«{msgid1 if n == 1 else msgid2}»"


SHOUTED = Catalogue(Shouted(), language="en")


@pytest.fixture
def environment():
    environment = Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
    ENGLISH.install(environment)
    return environment


def test_a_page_shows_the_texts_of_its_catalogue():
    view = SignedOutView("/sign-in", everywhere=True, applications_ended=2)
    html = Pages(catalogue=SHOUTED).signed_out(view).text or ""
    assert "<h1>«You're signed out»</h1>" in html
    assert "«2 apps lost their access too.»" in html


def test_a_text_that_the_code_chose_is_translated_with_its_values():
    view = ErrorView(
        title=message("Stopped"),
        message=plural("%(num)s step of %(name)s", "%(num)s steps of %(name)s", 2, name="<b>Ada\u202e</b>"),
        hint=message("Since %(month)s", month=message("May")),
        request_id="abcde23456",
        status=400,
    )
    html = Pages(catalogue=SHOUTED).error(view).text or ""
    assert "<h1>«Stopped»</h1>" in html
    assert "«2 steps of &lt;b&gt;Ada&lt;/b&gt;»" in html
    assert "«Since «May»»" in html


def test_a_text_reads_as_english_wherever_it_is_not_translated():
    text = plural("%(num)s app of %(name)s", "%(num)s apps of %(name)s", 2, name="Ada")
    assert text == "2 apps of Ada"
    assert message("100 %% of %(name)s", name=message("May")) == "100 % of May"


def test_a_value_in_a_text_is_escaped_and_stripped_of_invisible_characters(environment):
    template = environment.from_string("{% trans %}Let <b>{{ name }}</b> in{% endtrans %}")
    assert template.render(name="<i>A\u202e\u200bB") == "Let <b>&lt;i&gt;AB</b> in"


def test_the_number_chooses_the_form_of_a_text(environment):
    template = environment.from_string(
        "{% trans count=n %}{{ count }} app{% pluralize %}{{ count }} apps{% endtrans %}"
    )
    assert [template.render(n=n) for n in (1, 2)] == ["1 app", "2 apps"]


def test_the_template_for_translators_has_every_text_of_today():
    assert render() == TEMPLATE.read_text("utf-8"), "run: make messages"


def test_a_translation_of_every_text_can_be_compiled_and_is_shown(tmp_path):
    text = TEMPLATE.read_text("utf-8").replace('"Language: \\n"', '"Language: ar\\n"')
    path = compiled(tmp_path, text.replace("nplurals=INTEGER; plural=EXPRESSION", "nplurals=2; plural=(n != 1)"))
    html = Pages(catalogue=read_catalogue(path)).signed_out(SignedOutView("/sign-in", everywhere=True)).text or ""
    assert '<html lang="ar" dir="rtl">' in html


def test_a_catalogue_names_the_language_and_the_direction_of_the_pages(tmp_path):
    catalogue = read_catalogue(compiled(tmp_path, german("Stopped", "Angehalten")))
    assert (catalogue.language, catalogue.direction) == ("de-AT", "ltr")
    assert catalogue.translate(Text("Stopped")) == "Angehalten"


@pytest.mark.parametrize("translation", ["Hallo %(nmae)s", "Hallo %(name)", "100 % %(name)s", "%s"])
def test_a_translation_with_which_a_page_would_fail_is_refused_at_start(tmp_path, translation):
    with pytest.raises(ValueError, match="the values in the translation"):
        read_catalogue(compiled(tmp_path, german("Hello %(name)s", translation)))


@pytest.mark.parametrize("content", [None, b"", b"no catalogue"])
def test_a_file_that_is_no_catalogue_is_refused_at_start(tmp_path, content):
    path = tmp_path / "de.mo"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a compiled gettext catalogue"):
        read_catalogue(path)


def test_a_catalogue_without_a_language_is_refused_at_start(tmp_path):
    with pytest.raises(ValueError, match="no header Language"):
        read_catalogue(compiled(tmp_path, german("a", "b").replace("Language: de_AT", "Language: ")))


def german(english, translation):
    return (
        'msgid ""\nmsgstr ""\n"Language: de_AT\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
        f'"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\nmsgid "{english}"\nmsgstr "{translation}"\n'
    )


def compiled(folder, text):
    msgfmt = shutil.which("msgfmt")
    if msgfmt is None:
        pytest.skip("no msgfmt (gettext) on the path")
    source, target = folder / "pages.po", folder / "pages.mo"
    source.write_text(text, "utf-8")
    subprocess.run([msgfmt, "--output-file", str(target), str(source)], check=True, capture_output=True, timeout=30)
    return target
