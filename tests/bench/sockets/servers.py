"""The servers side by side: how each is configured for the same zone, started and found ready."""
import os
import pathlib
import random
import subprocess
import time
import typing

import machine

PORT = 53
SMTP_PORT = 2525
ORIGIN = "example.org"
HOSTED = "hosted.example"


class Site(typing.NamedTuple):
    name: str
    country: str
    latitude: float
    longitude: float
    network: str
    address: str


# Nothing listens at the last one, so that health decides something.
SITES = (
    Site("fra", "DE", 50.1, 8.7, "192.0.2.0/26", "192.0.2.10"),
    Site("iad", "US", 38.9, -77.5, "198.51.100.0/26", "198.51.100.10"),
    Site("nrt", "JP", 35.8, 140.4, "203.0.113.0/26", "203.0.113.10"),
    Site("gru", "BR", -23.4, -46.5, "203.0.113.128/26", "203.0.113.138"),
)
ADDRESSES = [site.address for site in SITES]
UP = ADDRESSES[:-1]
# Half of the queries are for mail hosts, half for addresses, as mail is delivered.
ONE_ZONE = ((ORIGIN, "MX"), (f"mail.{ORIGIN}", "A"))
STOPPED_WAITING = 120.0

RECORDS = [
    "$TTL 3600",
    "@ SOA ns1 hostmaster {serial} 3600 600 604800 3600",
    "@ NS ns1",
    "ns1 A 203.0.113.200",
    *(f"@ MX {10 * rank} mx-{site.name}" for rank, site in enumerate(SITES, 1)),
    *(f"mx-{site.name} A {site.address}" for site in SITES),
]
ADDRESS_RECORDS = [f"mail A {address}" for address in ADDRESSES]


def zone(serial=1, mail=None):
    return "\n".join([*RECORDS, *(mail or ADDRESS_RECORDS), ""]).format(serial=serial)


class Server:
    """A server in its place. `name` is what the table calls it."""

    def __init__(self, name, on, directory):
        self.name, self.on = name, on
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True)
        self.place = on.add_place(ADDRESSES)
        self.mailers = machine.Mailers(self.place, UP, SMTP_PORT)
        self.process = self.load = None
        # What is asked to know that all is loaded.
        self.last_name = f"mail.{ORIGIN}"

    def configure(self):
        """Writes its files."""

    def command(self):
        raise NotImplementedError

    def ready(self):
        return bool(machine.answers(self.on.generator, self.place, self.last_name))

    def start(self):
        """Starts it and waits until it answers; `load` is how long that took."""
        self.configure()
        self.launch()

    def launch(self):
        began = time.monotonic()
        with open(self.directory / "log", "ab") as log:
            self.process = self.on.start(self.place.namespace, self.command(), machine.SERVER_CORE, stdout=log,
                                         stderr=subprocess.STDOUT, cwd=self.directory)
        while not self.ready():
            if self.process.poll() is not None:
                raise machine.CannotRun(f"{self.name} ended at its start:\n{self.log()}")
            if time.monotonic() - began > STOPPED_WAITING:
                raise machine.CannotRun(f"{self.name} does not answer {self.last_name}:\n{self.log()}")
        self.load = time.monotonic() - began
        machine.pin(self.process, machine.SERVER_CORE)

    def stop(self):
        self.on.end(self.process)

    def log(self):
        return (self.directory / "log").read_text(errors="replace")[-2000:]


class Echo(Server):
    """See echo.c."""

    def command(self):
        return [self.directory.parent / "echo", self.place.address, PORT]

    def ready(self):
        return machine.answers(self.on.generator, self.place, self.last_name) is not None


class Gdnsd(Server):
    """Its geoip plugin chooses among sites by network; tcp_connect watches them."""

    # Networks that the client's address is looked up in: about as many as a country database has there.
    NETWORKS = 4096

    def configure(self):
        draw = random.Random(1)
        names = [site.name for site in SITES]
        networks = "\n".join(
            f"{128 + number * 64 // self.NETWORKS}.{number * 64 * 256 // self.NETWORKS % 256}.0.0/14 => "
            f"[ {', '.join(draw.sample(names, len(names)))} ]" for number in range(self.NETWORKS))
        targets = " ".join(f"{site.name} => {site.address}," for site in SITES)
        (self.directory / "geoip").mkdir()
        (self.directory / "geoip" / "networks").write_text(networks + "\n")
        (self.directory / "zones").mkdir()
        (self.directory / "zones" / ORIGIN).write_text(zone(mail=["mail 30 DYNA geoip!mail"]))
        (self.directory / "config").write_text(f"""
options => {{
  listen => {self.place.address}
  udp_threads => 1
  tcp_threads => 1
  run_dir => {self.directory}/run
  state_dir => {self.directory}/state
}}
service_types => {{
  smtp => {{ plugin => tcp_connect, port => {SMTP_PORT}, interval => 2, timeout => 1 }}
}}
plugins => {{
  geoip => {{
    maps => {{ world => {{ datacenters => [ {', '.join(names)} ], nets => networks }} }}
    resources => {{ mail => {{ map => world, service_types => smtp, dcmap => {{ {targets} }} }} }}
  }}
}}
""")

    def command(self):
        return ["gdnsd", "-c", self.directory, "start"]


class Nsd(Server):
    def configure(self):
        (self.directory / "zone").write_text(zone())
        (self.directory / "nsd.conf").write_text(f"""
server:
  ip-address: {self.place.address}
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{self.directory}"
  pidfile: "{self.directory}/pid"
  zonelistfile: "{self.directory}/zones"
  xfrdfile: "{self.directory}/xfrd"
  xfrdir: "{self.directory}"
  rrl-ratelimit: 0
  minimal-responses: yes
remote-control:
  control-enable: no
zone:
  name: {ORIGIN}
  zonefile: zone
""")

    def command(self):
        return ["nsd", "-d", "-c", self.directory / "nsd.conf"]


class Knot(Server):
    """Over UDP sockets, or over AF_XDP."""

    def __init__(self, name, on, directory, xdp=False):
        super().__init__(name, on, directory)
        self.xdp = xdp

    def configure(self):
        listen = f"{self.place.address}@{PORT}"
        # Over AF_XDP its sockets serve only what is not on the link; the workers wait there.
        sockets, xdp = ("127.0.0.1@53", f"xdp:\n  listen: {self.place.interface}@{PORT}") if self.xdp else (listen, "")
        (self.directory / "zone").write_text(zone())
        (self.directory / "knot.conf").write_text(f"""
server:
  rundir: "{self.directory}"
  listen: {sockets}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
{xdp}
database:
  storage: "{self.directory}"
log:
- target: stderr
  any: warning
zone:
- domain: {ORIGIN}
  file: "{self.directory}/zone"
""")

    def command(self):
        return ["knotd", "-c", self.directory / "knot.conf"]


class Waypost(Server):
    """Nearest site by the embedded country database, all sites monitored, no rate limit."""

    # Nothing but the disk of the machine would be measured by orders on it.
    STATE = pathlib.Path("/dev/shm")

    def __init__(self, name, on, directory, program, domains=None, signed=False, xdp=None):
        super().__init__(name, on, directory)
        self.program = program
        self.domains, self.signed, self.xdp = domains, signed, xdp
        self.file = self.directory / "waypost.toml"
        if domains is not None:
            self.last_name = f"mail.{domain(domains - 1)}"

    def configure(self):
        state = self.STATE / f"{self.on.prefix}{self.place.number}"
        state.mkdir(mode=0o700)
        self.on.directories.append(state)
        sites = "\n".join(
            f'[[site]]\nname = "{site.name}"\nnetworks = ["{site.network}"]\nlocation = {{ country = "{site.country}", '
            f'lat = {site.latitude}, lon = {site.longitude} }}\n' for site in SITES)
        if self.domains is None:
            names = f'"{ORIGIN}", "*.{ORIGIN}"'
            zones = f'[[zone]]\norigin = "{ORIGIN}"\nfile = "zone"\n' + ("dnssec = true\n" if self.signed else "")
        else:
            names = f'"*.{HOSTED}"'
            zones = '[[zone]]\norigins = "origins"\nfile = "zone"\n'
            with open(self.directory / "origins", "w", encoding="ascii") as origins:
                origins.writelines(f"{domain(number)}\n" for number in range(self.domains))
        self.write_zone(1)
        self.file.write_text(f"""
[node]
name = "bench"
listen = ["{self.place.address}:{PORT}"]
{self.xdp.format(interface=self.place.interface) if self.xdp else ""}

[admin]
listen = "127.0.0.1:8053"
socket = "{state}/admin.sock"

[state]
path = "{state}"

[dnssec]
keys = "{state}/keys"

[geo]
networks = {{ "{self.place.watch_client}/32" = "fra" }}

[rate_limit]
responses_per_second = "off"
loosen = true

{sites}
[[service]]
name = "mail"
names = [{names}]
types = ["MX", "A"]
monitors = ["smtp"]

[monitor.smtp]
kind = "tcp"
port = {SMTP_PORT}

{zones}""")
        if self.signed:
            self.tell("key", "generate", ORIGIN)

    def write_zone(self, serial):
        (self.directory / "zone").write_text(zone(serial))

    def command(self):
        return [self.program, "--config", self.file, "serve"]

    def tell(self, *words, timeout=120):
        """A command of the command line to this node."""
        return machine.run([self.program, "--config", self.file, *words], timeout=timeout)


def domain(number):
    return f"d{number:07}.{HOSTED}"


def build(directory):
    """The programs in C beside this file."""
    here = pathlib.Path(__file__).parent
    for name in ("echo", "watch"):
        machine.run([os.environ.get("CC", "cc"), "-O2", "-Wall", "-Wextra", "-o", directory / name, here / f"{name}.c"])
