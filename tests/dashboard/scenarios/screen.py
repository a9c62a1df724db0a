"""A page in the browser, with everything that it asks for and complains of."""

import re
from urllib.parse import urlsplit

from node import PATIENCE, wait_for

# What hostile names, reasons and banners hold. Each form runs in another place of a page, if any lets it.
SCRIPTS = [
    "<script>window.__xss=1</script>",
    "<img src=x onerror=window.__xss=2>",
    "\"><svg onload=window.__xss=3>",
    "'onmouseover='window.__xss=4' x='",
    "javascript:window.__xss=5",
]


class Screen:
    """See the module."""

    def __init__(self, context, node):
        self.node = node
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE * 1000)
        self.asked = []
        self.complaints = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("console", self._console)
        self.page.on("dialog", self._dialog)
        # Of the page's own, before anything of it runs: what the policy refused.
        self.page.add_init_script(
            "window.__refused = []; addEventListener('securitypolicyviolation',"
            " event => window.__refused.push(`${event.violatedDirective} ${event.blockedURI}`));"
        )

    def _console(self, message):
        # A node that was killed does not answer; that is what some scenarios are about.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(f"console: {message.text}")

    def _dialog(self, dialog):
        self.complaints.append(f"a script asked: {dialog.message}")
        dialog.dismiss()

    def open(self, path):
        response = self.page.goto(f"{self.node.url}{path}", wait_until="load")
        self.wait_until_live()
        return response

    def wait_until_live(self):
        if self.page.evaluate("!!document.querySelector('script[type=module]')"):
            self.page.wait_for_function("'live' in document.documentElement.dataset || !document.scripts.length")

    def generation(self):
        """`(epoch, sequence)` of the plan that the page shows."""
        text = self.page.evaluate("document.documentElement.dataset.generation")
        return tuple(int(part) for part in text.split("."))

    def wait_for_generation(self, generation):
        """Waits until the page shows a plan that is not older."""
        wait_for(f"the page shows {generation}", lambda: self.generation() >= generation)

    def text(self, selector="body"):
        """What a reader sees, with single spaces."""
        return re.sub(r"\s+", " ", self.page.locator(selector).first.inner_text())

    def is_lost(self):
        return self.page.evaluate("document.documentElement.dataset.connection === 'lost'")

    def check(self):
        """Nothing foreign was asked for, nothing refused by the policy, nothing of a stranger ran."""
        own = urlsplit(self.node.url).netloc
        foreign = [url for url in self.asked if urlsplit(url).netloc != own and not url.startswith("blob:" + self.node.url)]
        assert not foreign, f"asked of others: {foreign}"
        assert not self.complaints, self.complaints
        if not self.page.is_closed() and self.page.url.startswith("http"):
            assert self.page.evaluate("window.__xss") is None, "a stranger's script ran"
            assert self.page.evaluate("window.__refused") == [], "the page asks for what its own policy refuses"
