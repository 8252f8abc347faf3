"""Every page of both services on a phone and on a desktop: axe, keyboard, 200 % zoom, dark mode.

These tests read roles and structure, never texts.
"""

import shutil
from pathlib import Path

import pytest

from tests.support.every_page import SIZES, every_page, show
from tests.support.node_packages import install_node_packages

pytestmark = pytest.mark.browser

PAGES = every_page()
both_sizes = pytest.mark.parametrize("size", SIZES)
both_schemes = pytest.mark.parametrize("scheme", ["light", "dark"])

IN_TAB_ORDER = """() => [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]:not([tabindex="-1"])'
)].filter((element) => !element.disabled && element.checkVisibility()).map((element, at) => {
    element.dataset.at = at;
    return element.outerHTML;
})"""

FOCUSED = """() => {
    const element = document.activeElement;
    if (!element || element.dataset.at === undefined) return null;
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const seen = style.outlineStyle === 'solid' && parseFloat(style.outlineWidth) >= 2
        && box.bottom > 0 && box.top < innerHeight;
    return [Number(element.dataset.at), seen];
}"""

TOO_WIDE = """() => {
    const hidden = (element) => {
        const box = element.getBoundingClientRect();
        return box.width <= 1 || box.height <= 1;
    };
    const cut = [...document.querySelectorAll('body *')].filter((element) => element.checkVisibility()
        && !hidden(element) && !['visible', 'auto', 'scroll'].includes(getComputedStyle(element).overflowX)
        && element.scrollWidth > element.clientWidth + 1);
    const beyond = document.documentElement.scrollWidth > innerWidth ? ['the page itself'] : [];
    return [...beyond, ...cut.map((element) => element.outerHTML)];
}"""

GROUND = "() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"


@pytest.fixture
async def open_tab(browser):
    """Opens a tab of a size, in which every page can be shown; without JavaScript."""

    async def open_one(width, height, *, scheme="light", scale=1.0, javascript=False):
        context = await browser.new_context(
            java_script_enabled=javascript,
            color_scheme=scheme,
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
        )
        return await context.new_page()

    return open_one


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core, from the npm registry."""
    if shutil.which("npm") is None:
        pytest.skip("no npm on the path")
    installed = install_node_packages(Path(__file__).with_name("axe"), "axe")
    return (installed / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@pytest.mark.npm
@both_sizes
@both_schemes
async def test_axe_finds_no_violation(open_tab, axe, size, scheme):
    tab = await open_tab(*SIZES[size], scheme=scheme, javascript=True)
    found = []
    for name, page in PAGES.items():
        await show(tab, page)
        await tab.evaluate(axe)
        violations = await tab.evaluate("async () => (await axe.run()).violations")
        found += [(name, v["id"], [node["html"] for node in v["nodes"]]) for v in violations]
    assert found == []


async def test_the_tab_key_reaches_every_control_in_order_and_shows_where_it_is(open_tab):
    tab = await open_tab(*SIZES["phone"])
    for name, page in PAGES.items():
        await show(tab, page)
        controls = await tab.evaluate(IN_TAB_ORDER)
        reached = []
        for _ in range(len(controls) + 2):
            focused = await tab.evaluate(FOCUSED)
            if focused is not None and focused[0] not in reached:
                assert focused[1], (name, controls[focused[0]])
                reached.append(focused[0])
            await tab.keyboard.press("Tab")
        # A page may begin at the field that its user has to fill in.
        begin = reached.index(0) if 0 in reached else 0
        assert reached[begin:] + reached[:begin] == list(range(len(controls))), name


@both_sizes
async def test_nothing_is_cut_or_beside_the_screen_at_a_zoom_of_200_percent(open_tab, size):
    width, height = SIZES[size]
    tab = await open_tab(width // 2, height // 2, scale=2.0)
    for name, page in PAGES.items():
        await show(tab, page)
        assert await tab.evaluate(TOO_WIDE) == [], name


@both_schemes
async def test_the_ground_is_as_light_or_dark_as_the_user_chose(open_tab, scheme):
    tab = await open_tab(*SIZES["phone"], scheme=scheme)
    for name, page in PAGES.items():
        await show(tab, page)
        assert (max(await tab.evaluate(GROUND)) < 64) == (scheme == "dark"), name
