"""A mail server dies while somebody looks at the dashboard."""

from node import Site


def test_a_dead_mail_server_reads_down_with_its_reason_without_reload(screen, node):
    screen.open("/")
    screen.page.evaluate("window.__same = true")
    assert "down" not in screen.text("main")
    site = Site("fra")
    site.stop()
    try:
        screen.wait_for_generation(node.wait_for_site("fra", "down"))
        row = screen.page.locator("tr", has=screen.page.get_by_role("link", name="fra", exact=True)).first
        assert "✕ down" in row.inner_text() and "refused" in screen.text("main")
        assert screen.page.evaluate("window.__same"), "the page was loaded again"
    finally:
        site.start()
    screen.wait_for_generation(node.wait_for_site("fra", "up"))
