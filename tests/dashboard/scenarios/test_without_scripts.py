"""JavaScript is off: the tables are there, and a site can be drained."""

PAGES = ["/", "/sites/fra", "/timeline", "/nodes", "/explain?name=example.org&type=MX", "/whatif?fail=fra", "/zones"]


def test_pages_are_whole_without_scripts(new_screen, node):
    screen = new_screen(node, java_script_enabled=False)
    for path in PAGES:
        response = screen.page.goto(f"{node.url}{path}")
        assert response.status == 200, path
        assert screen.page.locator("main h1").count() == 1, path
    screen.page.goto(f"{node.url}/")
    assert "● serving" in screen.page.locator("main table").first.inner_text()


def test_a_drain_without_scripts(new_screen, node, sign_in):
    screen = sign_in(new_screen(node, java_script_enabled=False))
    page = screen.page
    page.goto(f"{node.url}/drain?site=fra&kind=drain")
    page.get_by_label("Reason").fill("by hand")
    page.get_by_role("radio", name="after").check()
    # Without a look first nothing is ordered.
    page.get_by_role("button", name="Order it").click()
    assert "Nothing is ordered yet" in page.inner_text("main") and node.status()["orders"] == []
    assert page.get_by_label("Reason").input_value() == "by hand"
    page.get_by_role("button", name="Show what would happen").click()
    assert "mx: fra serving -> drained" in page.inner_text("#drain-preview")
    page.get_by_role("button", name="Order it").click()
    assert "Ordered: drain fra" in page.inner_text("main")
    assert node.status()["orders"][0]["reason"] == "by hand"
