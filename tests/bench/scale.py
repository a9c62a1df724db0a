#!/usr/bin/env python3
"""What many zones cost: time to the first answer, memory, reloads under queries, updates, a site flip.

    cargo build --release
    tests/bench/scale.py                         # 1,000,000 domains of one template, then 100,000 zones of their own
    tests/bench/scale.py --domains 1000 --zones 0

Prints figures and judges none: they hang on the machine. Everything is written to a temporary directory and removed.
Updates are measured where `nsupdate` is installed.
"""

import argparse
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
# One run must not outlive a coffee, whatever is broken.
PATIENCE = 180.0

CONFIG = """
[node]
name = "scale"
listen = ["127.0.0.1:{port}"]
[admin]
listen = "127.0.0.1:{admin}"
socket = "{directory}/admin.sock"
[state]
path = "{directory}/state"
[rate_limit]
responses_per_second = "off"
loosen = true
[[site]]
name = "fra"
location = {{ country = "DE" }}
networks = ["192.0.2.0/26"]
[[site]]
name = "iad"
location = {{ country = "US" }}
networks = ["198.51.100.0/26"]
[[service]]
name = "mail"
names = ["*.com", "*.net", "*.org", "*.example"]
types = ["MX", "A"]
[[key]]
name = "scale"
algorithm = "hmac-sha256"
secret = "{directory}/scale.secret"
[[zone]]
origin = "update.invalid"
file = "update.zone"
update = [{{ key = "scale", names = ["update.invalid"], types = ["TXT"] }}]
"""

HEAD = "$TTL 1h\n@ SOA ns1.host.invalid. hostmaster.host.invalid. {serial} 1h 15m 1w 1h\n@ NS ns1.host.invalid.\n"
TEMPLATE = HEAD + """@ NS ns2.host.invalid.
@ MX 10 mx-fra
@ MX 20 mx-iad
@ A 192.0.2.20
@ A 198.51.100.20
@ TXT "v=spf1 mx -all"
mx-fra A 192.0.2.10
mx-iad A 198.51.100.10
_dmarc TXT "v=DMARC1; p=reject"
"""
SECRET = "c2NhbGUgc2NhbGUgc2NhbGUgc2NhbGUgc2NhbGUhISE="


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def names(count):
    """Distinct names, 18 octets in wire format on average."""
    draw = random.Random(1)
    for number in range(count):
        stem = f"{number:x}" + "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9)))
        yield f"{stem}.{draw.choice(['com', 'net', 'org', 'example'])}"


def question(name, rtype, ident):
    wire = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    return struct.pack("!6H", ident, 0, 1, 0, 0, 0) + wire + struct.pack("!2H", rtype, 1)


class Node:
    """A node with `count` zones; `kind` is "template" or "distinct"."""

    def __init__(self, binary, directory, kind, count):
        self.binary, self.directory, self.kind, self.count = binary, directory, kind, count
        self.port, self.admin = free_port(), free_port()
        self.names = list(names(count))
        self.write_files()

    def write_files(self):
        self.config = self.directory / "waypost.toml"
        secret = self.directory / "scale.secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        (self.directory / "update.zone").write_text(HEAD.format(serial=1))
        text = CONFIG.format(port=self.port, admin=self.admin, directory=self.directory)
        if self.kind == "template":
            (self.directory / "domains.txt").write_text("\n".join(self.names) + "\n")
            self.write_template(1)
            text += '[[zone]]\norigins = "domains.txt"\nfile = "template.zone"\n'
        else:
            (self.directory / "zones").mkdir()
            for number, name in enumerate(self.names):
                self.write_zone(number, name, 1)
            text += "".join(f'[[zone]]\norigin = "{name}"\nfile = "zones/{name}"\n' for name in self.names)
        self.config.write_text(text)
        # Commands read their configuration to find the node: of a hundred thousand sections that takes longer than what
        # they are about.
        self.command_config = self.directory / "command.toml"
        self.command_config.write_text(text.split("[[site]]")[0])

    def write_template(self, serial):
        (self.directory / "template.zone").write_text(TEMPLATE.format(serial=serial))

    def write_zone(self, number, name, serial):
        own = f"www A 203.0.113.{number % 256}\n" + ('number TXT "%d"\n' % number if number % 2 else "")
        text = TEMPLATE.format(serial=serial).replace("@ NS ns2.host.invalid.\n", "") + own
        (self.directory / "zones" / name).write_text(text)

    def start(self):
        began = time.monotonic()
        self.log = open(self.directory / "log", "w")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--config", self.config], stdout=self.log, stderr=self.log
        )
        while self.ask(self.names[-1], 15, 0.05) is None:
            if self.process.poll() is not None or time.monotonic() - began > PATIENCE:
                sys.exit((self.directory / "log").read_text()[-2000:])
        return time.monotonic() - began

    def ask(self, name, rtype, patience):
        """The reply's time and octets, or None."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(patience)
            client.connect(("127.0.0.1", self.port))
            began = time.monotonic()
            try:
                client.send(question(name, rtype, 7))
                reply = client.recv(4096)
            except OSError:
                time.sleep(0.01)
                return None
            if reply[3] & 15:
                return None
            return time.monotonic() - began, reply

    def memory(self, words):
        status = (pathlib.Path("/proc") / str(self.process.pid) / "status").read_text()
        value = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith("Vm")}
        print(f"  memory {words:<22} {int(value['VmRSS']) / 1024:8.0f} MiB, at most {int(value['VmHWM']) / 1024:6.0f}")

    def cpu(self):
        fields = (pathlib.Path("/proc") / str(self.process.pid) / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def command(self, *words):
        began = time.monotonic()
        done = subprocess.run(
            [self.binary, *words, "--config", self.command_config], capture_output=True, text=True, timeout=PATIENCE
        )
        if done.returncode:
            print("  ", *words, "failed:", done.stdout[-300:], done.stderr[-300:])
        return time.monotonic() - began, done.stdout

    def under_queries(self, action):
        """What `action` gives, queries sent and lost meanwhile, and the longest wait for a reply."""
        done, figures = threading.Event(), {"sent": 0, "lost": 0, "slowest": 0.0}

        def client():
            draw = random.Random(2)
            while not done.is_set():
                figures["sent"] += 1
                reply = self.ask(draw.choice(self.names), 15, 2.0)
                if reply is None:
                    figures["lost"] += 1
                else:
                    figures["slowest"] = max(figures["slowest"], reply[0])
                # Who asks must not be who takes the processor.
                time.sleep(0.001)

        asking = threading.Thread(target=client)
        asking.start()
        result = action()
        time.sleep(0.2)
        done.set()
        asking.join()
        lost = f"{figures['lost']} of {figures['sent']} queries lost, slowest {figures['slowest'] * 1000:.1f} ms"
        return result, lost

    def reload(self, words):
        (seconds, shown), lost = self.under_queries(lambda: self.command("reload"))
        print(f"  reload {words:<22} {seconds:8.2f} s    {lost}; said {len(shown)} octets")
        time.sleep(1)
        self.memory("after " + words)

    def flip(self):
        name, before = self.names[len(self.names) // 2], None
        before = self.ask(name, 1, 1.0)[1]
        took, stop = [], threading.Event()

        def watch():
            while not stop.is_set():
                reply = self.ask(name, 1, 1.0)
                if reply and reply[1] != before:
                    took.append(time.monotonic())
                    return

        watching = threading.Thread(target=watch)
        watching.start()
        began = time.monotonic()
        self.command("drain", "fra", "--yes", "--reason", "scale", "--force", "--confirm=fra")
        time.sleep(0.3)
        stop.set()
        watching.join()
        if took:
            print(f"  drain until another answer       {(took[0] - began) * 1000:8.1f} ms   (the command included)")
        self.command("undrain", "fra")

    def update(self):
        if not shutil.which("nsupdate"):
            return
        script = f"server 127.0.0.1 {self.port}\nzone update.invalid.\n"
        times = []
        for number in range(3):
            change = f"{script}update delete update.invalid. TXT\nupdate add update.invalid. 60 TXT n{number}\nsend\n"
            began = time.monotonic()
            words = ["nsupdate", "-t", "60", "-y", f"hmac-sha256:scale:{SECRET}"]
            done = subprocess.run(words, input=change, capture_output=True, text=True, timeout=PATIENCE)
            if done.returncode:
                print("  update failed:", done.stderr.strip()[-200:])
                return
            times.append(time.monotonic() - began)
        print(f"  update of another zone           {sorted(times)[1] * 1000:8.1f} ms")
        self.memory("after updates")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            print("  did not stop in 20 s")
            self.process.kill()
            self.process.wait()


def run(binary, kind, count):
    print(f"{count} zones, {kind}", flush=True)
    with tempfile.TemporaryDirectory(prefix="waypost-scale-") as directory:
        node = Node(binary, pathlib.Path(directory), kind, count)
        print(f"  first answer                     {node.start():8.2f} s")
        try:
            print(f"  processor time until then        {node.cpu():8.2f} s")
            time.sleep(1)
            node.memory("after the start")
            began = node.cpu()
            time.sleep(6)
            print(f"  at rest                          {(node.cpu() - began) / 6 * 100:8.1f} % of a core")
            for words in ["nothing changed", "nothing changed again"]:
                node.reload(words)
            if kind == "template":
                node.write_template(2)
            else:
                for number, name in enumerate(node.names):
                    node.write_zone(number, name, 2)
            node.reload("every serial changed")
            node.update()
            node.flip()
            seconds, shown = node.command("status", "--output", "json")
            print(f"  status                           {seconds * 1000:8.1f} ms   {len(shown)} octets")
            node.memory("at the end")
        finally:
            node.stop()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--binary", default=ROOT / "target/release/waypost", type=pathlib.Path)
    arguments.add_argument("--domains", default=1_000_000, type=int, help="of one template; 0 leaves that run out")
    arguments.add_argument("--zones", default=100_000, type=int, help="of their own; 0 leaves that run out")
    given = arguments.parse_args()
    for kind, count in [("template", given.domains), ("distinct", given.zones)]:
        if count:
            run(given.binary, kind, count)


if __name__ == "__main__":
    main()
