"""Nothing is moved sideways, and no heading, name or state is broken inside a word: on a desk, on a phone, on the least one.

With WAYPOST_LOOK=DIRECTORY every page is kept as a picture."""

import os
from pathlib import Path

import pytest
from node import Site

SIZES = [(1280, 900), (375, 667), (320, 640)]
PAGES = [
    "/",
    "/sites/fra",
    "/sites/nrt",
    "/timeline",
    "/nodes",
    "/explain?name=example.org&type=MX&client=192.0.2.1",
    "/whatif?fail=iad&fail=nrt&peak=true",
    "/zones",
    "/drain?site=iad&kind=drain&ends=for&for=1h",
]
LOOK = os.environ.get("WAYPOST_LOOK", "")
# A word that stands in two lines, in what must not be broken.
BROKEN = """() => {
  const found = [];
  for (const part of document.querySelectorAll("thead th, tbody th, .mark, time, td.number, td[data-label=Site], td[data-label=Service], legend, .zone, .button")) {
    const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      // Heads of folded tables are only heard.
      if (node.parentElement.closest("code") || (part.closest("thead")?.getBoundingClientRect().width ?? 2) < 2) continue;
      for (const { 0: word, index } of node.data.matchAll(/[^\\s/-]+/g)) {
        const range = document.createRange();
        range.setStart(node, index);
        range.setEnd(node, index + word.length);
        const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
        if (lines.size > 1) found.push(word);
      }
    }
  }
  return found;
}"""


@pytest.fixture
def troubled(node):
    """fra is dead and pinned, nrt is being drained, and an incident is open."""
    site = Site("fra")
    site.stop()
    try:
        node.wait_for_site("fra", "down")
        reason = "the probe is wrong, says the provider: ticket 4711, mail goes through"
        node.order("pin", "fra", "--for", "1h", "--reason", reason, "--yes")
        node.order("drain", "nrt", "--for", "2h", "--share", "25%", "--reason", "switch replacement", "--yes")
        yield node
    finally:
        site.start()


def test_pages_fit_and_words_are_whole(new_screen, troubled, sign_in):
    screen = sign_in(new_screen(troubled))
    page, wrong = screen.page, []
    screen.open("/timeline")
    incident = page.locator("main a[href^='/timeline/']").first.get_attribute("href")
    for path in [*PAGES, incident]:
        screen.open(path)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                wrong.append(f"{path} is {wide} px wide on {width} px")
            wrong += [f"{path} on {width} px breaks {word!r}" for word in page.evaluate(BROKEN)]
            keep(page, f"{width}_{path.strip(chr(47))}")
    assert wrong == []


@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size[0]))
def test_the_dialog_fits_and_its_choices_are_whole(new_screen, node, sign_in, size):
    screen = sign_in(new_screen(node, viewport={"width": size[0], "height": size[1]}))
    screen.open("/sites/fra")
    page = screen.page
    page.locator("a[href*='kind=drain']").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Ends at, UTC").fill("2030-01-01T03:00")
    dialog.locator("#drain-preview[aria-busy=false]").wait_for()
    shapes = dialog.locator("input[type=radio]").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).filter(box => box.width).map(box => [box.width, box.height])"
    )
    assert all(abs(width - height) < 0.5 for width, height in shapes), f"radios are round: {shapes}"
    assert page.evaluate(BROKEN) == []
    overhang = dialog.evaluate("dialog => dialog.scrollWidth - dialog.clientWidth")
    assert overhang <= 0, f"{overhang} px have to be moved sideways"
    keep(page, f"{size[0]}_dialog")


def test_a_pinned_dead_site_is_never_all_well(new_screen, troubled, sign_in):
    screen = sign_in(new_screen(troubled))
    screen.open("/")
    page = screen.page
    assert "needs attention" in page.locator("#state").inner_text()
    assert "fra pinned although down" in page.locator("#state").inner_text()
    told = page.locator("#attention").inner_text()
    assert "It is answered all the same: fra is pinned by" in told and "without it" not in told
    assert page.locator("#attention a[href^='/timeline/']").count() > 0, "the open incident is linked"
    plugin = troubled.run("status", "--plugin")
    assert (plugin.returncode, plugin.stdout.startswith("WAYPOST WARNING - mx: fra pinned although down")) == (1, True)


def keep(page, name):
    if LOOK:
        target = Path(LOOK)
        target.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=target / f"{name.replace('/', '_').replace('?', '_')[:60]}.png", full_page=True)
