"""Nodes and pages for the scenarios."""

import json

import pytest
from node import Node
from playwright.sync_api import sync_playwright
from screen import Screen

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        # The world's only user is root, whom Chromium gives no sandbox.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def new_node():
    """Makes nodes that end with the test."""
    nodes = []

    def make(*arguments, **options):
        node = Node(*arguments, **options).start()
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.kill()


@pytest.fixture
def node(new_node):
    """A node of the test's own, all of whose sites are well."""
    return new_node().wait_until_well()


@pytest.fixture
def new_screen(browser):
    """Opens pages of which all is checked at the end that is true of every page."""
    screens = []

    def make(node, **options):
        context = browser.new_context(**options)
        screen = Screen(context, node)
        screens.append(screen)
        return screen

    yield make
    for screen in screens:
        screen.check()
        screen.page.context.close()


@pytest.fixture
def screen(new_screen, node):
    return new_screen(node)


@pytest.fixture
def sign_in():
    """Signs in as somebody who may order."""

    def go(screen):
        made = json.loads(screen.node.order("token", "create", "hand", "--role", "operator", "-o", "json"))
        screen.page.goto(f"{screen.node.url}/login?next=/")
        screen.page.locator("#token").fill(made["secret"])
        screen.page.get_by_role("button", name="Sign in with a token").click()
        screen.page.wait_for_url(f"{screen.node.url}/")
        return screen

    return go
