"""Another page in the same browser, where an operator is signed in, orders nothing."""

import http.server
import threading

import pytest

FORM = """<!doctype html><form method="post" action="{url}{path}" enctype="{kind}">
<input name="site" value="fra"><input name="kind" value="drain"><input name="ends" value="for"><input name="for" value="1h">
<input name="reason" value="x"><input name="step" value="{step}"></form><script>document.forms[0].submit()</script>"""
FETCH = """async ([url, path]) => {
  const body = JSON.stringify({scope: {site: "fra"}, kind: "drain", share: 1000, reason: "x"});
  const tries = [{mode: "no-cors"}, {mode: "cors"}, {mode: "cors", headers: {"content-type": "application/json"}}];
  const outcomes = [];
  for (const options of tries) {
    try {
      const answer = await fetch(url + path, {method: "POST", credentials: "include", body, ...options});
      outcomes.push(answer.type === "opaque" ? "unread" : answer.status);
    } catch { outcomes.push("refused"); }
  }
  return outcomes;
}"""


class Foreign:
    """A page of somebody else: the same address, another port, so that even cookies of the same site come along."""

    def __init__(self):
        self.page = ""
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.end_headers()
                self.wfile.write(outer.page.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def foreign():
    foreign = Foreign()
    yield foreign
    foreign.server.shutdown()


def test_foreign_posts_are_refused(new_screen, node, sign_in, foreign):
    screen = sign_in(new_screen(node))
    page = screen.page.context.new_page()
    for path, step in [("/drain", "order"), ("/drain", "preview"), ("/logout", "x"), ("/api/v1/orders", "x"), ("/login", "x")]:
        for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data"):
            foreign.page = FORM.format(url=node.url, path=path, kind=kind, step=step)
            with page.expect_response(f"{node.url}{path}") as answer:
                page.goto(foreign.url)
            assert answer.value.status == 403, f"{path} {kind}: {answer.value.status}"
    foreign.page = "<!doctype html><title>x</title>"
    page.goto(foreign.url)
    for path in ("/drain", "/api/v1/orders", "/api/v1/orders/lift", "/api/v1/reload"):
        outcomes = page.evaluate(FETCH, [node.url, path])
        assert set(outcomes) <= {"unread", "refused"}, f"{path}: {outcomes}"
    # No page can show this one inside itself.
    foreign.page = f"<!doctype html><iframe src='{node.url}/drain?site=fra'></iframe>"
    page.goto(foreign.url)
    page.wait_for_timeout(0)
    assert all(not frame.query_selector(".drain") for frame in page.frames)
    assert node.status()["orders"] == []
    screen.open("/drain?site=fra")
    assert screen.page.locator("form[data-order]").count() == 1, "still signed in"


def test_a_session_alone_orders_nothing(new_screen, node, sign_in):
    screen = sign_in(new_screen(node))
    screen.open("/drain?site=fra")
    status = screen.page.evaluate(
        """async () => (await fetch('/drain', {method: 'POST', body: new URLSearchParams({
            site: 'fra', kind: 'drain', ends: 'for', for: '1h', reason: 'x', step: 'order', csrf: 'guessed'})})).status"""
    )
    assert status == 403 and node.status()["orders"] == []


def test_who_is_not_signed_in_is_led_to_it_and_back(new_screen, node):
    screen = new_screen(node)
    screen.open("/drain?site=fra&kind=drain")
    assert "/login?next=" in screen.page.url
