"""Pictures of the main screens for the README: made with WAYPOST_SCREENSHOTS=dashboards/screenshots."""

import io
import os
from pathlib import Path

import pytest
from node import Site
from PIL import Image

TARGET = os.environ.get("WAYPOST_SCREENSHOTS", "")


def shoot(page, path):
    """A picture with few colours: these have no more, and stand in a repository."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


@pytest.mark.skipif(not TARGET, reason="made on demand")
def test_pictures(new_screen, node, sign_in):
    target = Path(TARGET)
    target.mkdir(parents=True, exist_ok=True)
    screen = sign_in(new_screen(node, viewport={"width": 1200, "height": 860}))
    page = screen.page
    node.order("drain", "nrt", "--for", "2h", "--share", "25%", "--reason", "switch replacement, ticket 4711", "--yes")
    site = Site("fra")
    site.stop()
    try:
        screen.open("/")
        screen.wait_for_generation(node.wait_for_site("fra", "down"))
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            shoot(page, target / f"overview-{scheme}.png")
    finally:
        site.start()
    screen.wait_for_generation(node.wait_for_site("fra", "up"))
    page.emulate_media(color_scheme="light")
    for name, path in [("site", "/sites/fra"), ("timeline", "/timeline"), ("explain", "/explain?name=example.org&type=MX&client=80.128.0.1")]:
        screen.open(path)
        shoot(page, target / f"{name}.png")
    screen.open("/sites/fra")
    page.locator("a[href*='kind=drain']").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("kernel update")
    dialog.get_by_role("radio", name="after").check()
    dialog.get_by_role("button", name="Order it", disabled=False).wait_for()
    page.set_viewport_size({"width": 900, "height": 1400})
    shoot(page, target / "drain.png")
