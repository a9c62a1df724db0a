"""What strangers and operators wrote never runs: reasons, banners, names, parameters, records."""

import socket
import threading
from urllib.parse import quote

from screen import SCRIPTS

TEXT = " ".join(SCRIPTS)
ZONE_TEXT = "<script>window.__xss=1</script><img src=x onerror=window.__xss=2>"
PARAMETERS = [
    "/explain?name={}&type=MX&client={}",
    "/explain?name=example.org&type={}",
    "/explain?name=txt.example.org&type=TXT",
    "/whatif?fail={}",
    "/timeline?site={}&service={}&kind={}&since={}",
    "/timeline",
    "/sites/{}",
    "/sites/fra",
    "/",
    "/zones",
    "/nodes",
    "/drain?site=fra&service={}&kind={}&reason={}&client={}&for={}&until={}&share={}",
    "/drain?site={}",
    "/login?next={}",
]
RAN = """() => ({
  ran: window.__xss,
  handlers: [...document.querySelectorAll('*')].filter(at => [...at.attributes].some(({name}) => name.startsWith('on'))).length,
  scripts: [...document.scripts].filter(script => !script.src || new URL(script.src).origin !== location.origin).length,
  links: [...document.querySelectorAll('[href], [src], [action]')].filter(at =>
    /^\\s*(javascript|data|vbscript):/i.test(at.getAttribute('href') ?? at.getAttribute('src') ?? at.getAttribute('action'))).length,
})"""


class RudeServer:
    """Greets with a script."""

    def __init__(self, address):
        self.listener = socket.create_server(address)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.sendall(f"554 {TEXT}\r\n".encode())
                    connection.recv(200)
                except OSError:
                    pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def test_nothing_of_a_stranger_runs(new_screen, new_node, sign_in):
    rude = RudeServer(("192.0.2.10", 2525))
    zone = (
        "$ORIGIN example.org.\n$TTL 1h\n@ SOA ns1 hostmaster 7 2h 15m 2w 5m\n@ NS ns1\nns1 A 192.0.2.53\n@ MX 10 mx-fra\n"
        f'mx-fra A 192.0.2.10\nmx A 192.0.2.10\nmx A 198.51.100.10\nmx A 203.0.113.10\ntxt TXT "{ZONE_TEXT}"\n'
    )
    node = new_node(lambda text: text.replace('kind = "smtp"', 'kind = "smtp"\nport = 2525'), zone=zone)
    try:
        node.wait_for_site("fra", "down")
        node.order("pin", "fra", "--for", "1h", "--reason", TEXT, "--yes")
        node.order("pin", "iad", "--for", "1h", "--reason", SCRIPTS[2], "--yes", "--service", "mx")
        assert any("onload" in str(event.get("transcript")) for event in node.events()), "the banner is in the journal"
        screen = sign_in(new_screen(node, user_agent=TEXT))
        for path in PARAMETERS:
            for script in [TEXT, SCRIPTS[2], SCRIPTS[4]]:
                screen.open(path.replace("{}", quote(script)))
                for summary in screen.page.locator("summary").all()[:3]:
                    summary.click()
                found = screen.page.evaluate(RAN)
                assert found == {"ran": None, "handlers": 0, "scripts": 0, "links": 0}, f"{path}: {found}"
                if "{}" not in path:
                    break
        screen.open("/sites/fra")
        assert "<script>" in screen.text("main"), "it is shown, as text"
    finally:
        rude.close()


def test_names_that_are_markup_are_refused(new_node):
    node = new_node()
    file = node.directory / "waypost.toml"
    text = file.read_text()
    for name in SCRIPTS:
        file.write_text(text.replace('name = "fra"', f"name = '''{name}'''"))
        refused = node.run("check")
        assert refused.returncode != 0, f"a site called {name} is taken"
