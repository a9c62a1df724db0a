"""Every screen by the checker of accessibility: light and dark, in each state that a screen can be in, down to 320 px."""

import axe
import pytest

SCREENS = [
    "/",
    "/sites/fra",
    "/timeline",
    "/nodes",
    "/explain",
    "/explain?name=example.org&type=MX&client=192.0.2.1",
    "/whatif",
    "/whatif?fail=fra&peak=true",
    "/zones",
    "/login",
    "/drain?site=fra&kind=isolate",
]
# What has no service has no site.
EMPTY = [path for path in SCREENS if "fra" not in path]
WRONG = [*SCREENS, "/sites/nowhere", "/explain?name=..&type=MX", "/explain?name=example.org&type=NOTYPE", "/whatif?fail=nowhere", "/nothing"]


def bare(configuration):
    """No service, no zone: the least that runs."""
    return configuration.split("[[site]]")[0]


def broken(configuration):
    """Nobody listens where the monitor asks: every site is down."""
    return configuration.replace('kind = "smtp"', 'kind = "smtp"\nport = 26')


def check(screen, paths):
    page, found = screen.page, []
    for path in paths:
        screen.open(path)
        found += judged(page, path)
    assert not found, "\n".join(found)


def judged(page, what):
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found += [f"{what} ({scheme}) {violation}" for violation in axe.violations(page)]
    page.set_viewport_size({"width": 320, "height": 640})
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > 320:
        found.append(f"{what} is {width} px wide on a screen of 320 px")
    page.set_viewport_size({"width": 1280, "height": 720})
    return found


@pytest.mark.parametrize(("state", "paths"), [("normal", SCREENS), ("empty", EMPTY), ("error", WRONG)])
def test_screens(new_screen, new_node, sign_in, state, paths):
    change = {"normal": lambda text: text, "empty": bare, "error": broken}[state]
    node = new_node(change)
    if state == "normal":
        node.wait_until_well()
        node.order("drain", "iad", "--for", "1h", "--share", "50%", "--reason", "half of it", "--yes")
    if state == "error":
        for name in ("fra", "iad", "nrt"):
            node.wait_for_site(name, "down")
    screen = new_screen(node)
    check(screen, ["/login"])
    check(sign_in(screen), paths)


def test_the_dialog(new_screen, node, sign_in):
    screen = sign_in(new_screen(node))
    screen.open("/sites/fra")
    screen.page.locator("a[href*='kind=isolate']").first.click()
    dialog = screen.page.get_by_role("dialog")
    dialog.locator("#drain-confirm").wait_for()
    found = judged(screen.page, "the dialog")
    dialog.get_by_label("Reason").fill("axe")
    dialog.get_by_role("radio", name="after").check()
    dialog.locator("#drain-confirm").fill("fra")
    dialog.get_by_role("button", name="Order it").click()
    dialog.locator("[data-done]").wait_for()
    found += judged(screen.page, "the outcome")
    assert not found, "\n".join(found)


def test_disconnected(new_screen, node, sign_in):
    first = sign_in(new_screen(node))
    pages = []
    for path in SCREENS:
        if path == "/login":
            continue
        page = first.page.context.new_page()
        page.goto(f"{node.url}{path}", wait_until="load")
        pages.append((path, page))
    node.kill()
    found = []
    for path, page in pages:
        page.get_by_role("alert").filter(has_text="Disconnected, state as of").wait_for()
        found += judged(page, f"{path} without its node")
    assert not found, "\n".join(found)
