"""The node goes away and comes back while somebody looks: what is old says so, and nothing is lost."""

from node import wait_for


def test_a_node_that_is_gone_is_said_to_be_gone(new_screen, node, sign_in):
    screen = sign_in(new_screen(node))
    screen.open("/sites/fra")
    page = screen.page
    seen = page.locator("#state time").get_attribute("datetime")
    node.kill()
    alert = page.get_by_role("alert").filter(has_text="Disconnected, state as of")
    alert.wait_for()
    said = alert.inner_text()
    assert said.endswith("UTC") and said.split("as of ")[1][:8] >= seen[11:19], f"{said}, page of {seen}"
    # Marked in words and by a pattern, not by colour alone.
    for part in page.locator("[data-live]").all():
        style = part.evaluate("part => [getComputedStyle(part, '::before').content, getComputedStyle(part).borderImageSource]")
        assert "Old: as of" in style[0] and "gradient" in style[1], style
    actions = page.locator("a[href^='/drain?'], main button").all()
    assert actions, "a site's page has actions"
    for action in actions:
        assert action.get_attribute("aria-disabled") == "true" and action.evaluate("action => action.inert")

    node.start()
    alert.wait_for(state="hidden")
    assert not screen.is_lost() and not page.locator("[aria-disabled]").count()
    screen.wait_for_generation(node.generation())


def test_after_a_restart_the_timeline_is_the_journal(screen, node):
    screen.open("/timeline")
    node.order("drain", "fra", "--for", "1h", "--reason", "before the fall", "--yes")
    screen.wait_for_generation(node.generation())
    node.kill()
    screen.page.get_by_role("alert").filter(has_text="Disconnected").wait_for()
    node.start()
    node.order("undrain", "fra", "--reason", "after it")
    node.wait_until_well()
    last = node.events()[-1]["id"]
    wait_for("the page has heard of it", lambda: int(screen.page.evaluate("document.documentElement.dataset.lastEvent")) >= last)
    journal = [str(event["id"]) for event in node.events()]
    shown = screen.page.locator("tr[id^=event-]").evaluate_all("rows => rows.map(row => row.id.slice(6))")
    assert sorted(shown, key=int) == journal, "nothing lost, nothing twice"


def test_many_tabs_share_one_stream(browser, node):
    context = browser.new_context()
    tabs = [context.new_page() for _ in range(9)]
    # A browser opens six connections to a server: with a stream each, the seventh tab would wait for ever.
    for tab in tabs:
        tab.goto(node.url, wait_until="load")
    node.order("drain", "fra", "--for", "1h", "--reason", "many look", "--yes")
    epoch, sequence = node.generation()
    for tab in [*tabs[1:], tabs[0]]:
        tab.wait_for_function(
            "([epoch, sequence]) => { const [e, s] = document.documentElement.dataset.generation.split('.').map(Number);"
            " return e > epoch || (e === epoch && s >= sequence); }",
            arg=[epoch, sequence],
        )
    tabs[0].close()
    node.order("undrain", "fra", "--reason", "the tab that read the stream is closed")
    epoch, sequence = node.generation()
    for tab in tabs[1:]:
        tab.wait_for_function("sequence => Number(document.documentElement.dataset.generation.split('.')[1]) >= sequence", arg=sequence)
    context.close()
