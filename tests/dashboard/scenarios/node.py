"""A node run from the built binary, and the mail servers of its sites."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

BINARY = os.environ["WAYPOST_BIN"]
DIRECTORY = Path(os.environ["WAYPOST_NODES"])
SITES = Path(os.environ["WAYPOST_SITES"])
# Far beyond every goal: nothing here judges how long something takes.
PATIENCE = 60

ZONE = """$ORIGIN example.org.
$TTL 1h
@ SOA ns1 hostmaster 7 2h 15m 2w 5m
@ NS ns1
ns1 A 192.0.2.53
@ MX 10 mx-fra
@ MX 10 mx-iad
@ MX 10 mx-nrt
mx-fra A 192.0.2.10
mx-iad A 198.51.100.10
mx-nrt A 203.0.113.10
mx A 192.0.2.10
mx A 198.51.100.10
mx A 203.0.113.10
www TXT "hello"
"""

CONFIGURATION = """[node]
name = "fra-ns1"
listen = ["127.0.0.1:{dns}"]

[admin]
listen = "127.0.0.1:{admin}"
socket = "admin.sock"

[state]
path = "state"

[safety]
settle = "0s"

[geo]
networks = {{ "127.0.0.0/8" = "fra" }}

[[site]]
name = "fra"
location = {{ country = "DE", lat = 50.1, lon = 8.7 }}
networks = ["192.0.2.0/26"]
capacity = 1200

[[site]]
name = "iad"
location = {{ country = "US", lat = 38.9, lon = -77.5 }}
networks = ["198.51.100.0/26"]
capacity = 800

[[site]]
name = "nrt"
location = {{ country = "JP", lat = 35.8, lon = 140.4 }}
networks = ["203.0.113.0/26"]
capacity = 800

[[service]]
name = "mx"
names = ["example.org", "mx.example.org"]
types = ["MX", "A"]
policy = "nearest"
ttl = "5s"
monitors = ["smtp"]
demand = 700

[monitor.smtp]
kind = "smtp"
ca = "../ca.pem"

[[zone]]
origin = "example.org"
file = "example.org.zone"
"""


def wait_for(what, happened):
    """Asks `happened` until it gives something."""
    start = time.monotonic()
    while True:
        outcome = happened()
        if outcome:
            return outcome
        assert time.monotonic() - start < PATIENCE, f"waited in vain: {what}"
        time.sleep(0.05)


class Node:
    """See the module."""

    count = 0

    def __init__(self, change=lambda text: text, zone=ZONE):
        Node.count += 1
        self.directory = DIRECTORY / f"node-{Node.count}"
        self.directory.mkdir()
        self.admin = 8100 + Node.count
        self.url = f"http://127.0.0.1:{self.admin}"
        (self.directory / "example.org.zone").write_text(zone)
        text = change(CONFIGURATION.format(dns=5300 + Node.count, admin=self.admin))
        (self.directory / "waypost.toml").write_text(text)
        self.process = None

    def start(self):
        with open(self.directory / "log", "a", encoding="utf-8") as log:
            command = [BINARY, "serve", "--config", self.directory / "waypost.toml"]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def answers():
            assert self.process.poll() is None, (self.directory / "log").read_text()
            try:
                return urllib.request.urlopen(f"{self.url}/readyz").status == 200
            except OSError:
                return False

        wait_for("the node answers", answers)
        return self

    def kill(self):
        """As if the power failed."""
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def run(self, *arguments):
        """Runs a command against the node, by its socket."""
        command = [BINARY, *arguments, "--config", self.directory / "waypost.toml"]
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def order(self, *arguments):
        """As `run`, for what must be done."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def status(self):
        with urllib.request.urlopen(f"{self.url}/api/v1/status") as answer:
            return json.load(answer)

    def site(self, name, service="mx"):
        services = {entry["name"]: entry for entry in self.status()["services"]}
        return {entry["name"]: entry for entry in services[service]["sites"]}[name]

    def wait_for_site(self, name, health):
        """Waits until the node holds a site for `health`; gives the generation of its plan."""
        wait_for(f"{name} is {health}", lambda: self.site(name)["health"] == health)
        return self.generation()

    def wait_until_well(self):
        for name in ("fra", "iad", "nrt"):
            self.wait_for_site(name, "up")
        return self

    def generation(self):
        """`(epoch, sequence)` of the plan."""
        generation = self.status()["generation"]
        return generation["epoch"], generation["sequence"]

    def events(self):
        """The whole journal."""
        with urllib.request.urlopen(f"{self.url}/api/v1/events?after=0&limit=1000") as answer:
            return json.load(answer)["events"]


class Site:
    """A real Postfix, set up by the test around these scenarios."""

    def __init__(self, name):
        self.configuration = SITES / f"postfix-{name}" / "config"

    def _control(self, order):
        done = subprocess.run(["postfix", "-c", self.configuration, order], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def stop(self):
        self._control("stop")

    def start(self):
        self._control("start")
