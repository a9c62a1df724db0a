"""The machine: packages, namespaces, processes and what they cost. Nothing here knows what is measured."""
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

SERVER_CORE = 0
GENERATOR_CORE = 1
# Every server has a network of its own, 10.77.N.0/24, towards the generator, and 10.78.N.0/24 towards the watch.
SERVER_HOST, CLIENT_HOST = 1, 2
# Addresses of clients: a quarter of the IPv4 Internet, so that they are all over the world. None leaves the namespaces.
CLIENTS = "128.0.0.0/2"
PACKAGES = {
    "cc": "gcc", "gdnsd": "gdnsd", "ip": "iproute2", "knotd": "knot", "kxdpgun": "knot-dnsutils", "nsd": "nsd",
    "taskset": "util-linux",
}
# How long a daemon may take to end when asked.
PATIENCE = 20.0
CLONE_NEWNET = 0x40000000
POLICY = pathlib.Path("/usr/sbin/policy-rc.d")
TICKS = os.sysconf("SC_CLK_TCK")

libc = ctypes.CDLL(None, use_errno=True)


class CannotRun(Exception):
    """Something that is needed is missing or does not work; says what and what to do."""


def install_missing():
    """Installs packages of missing programs. Their daemons must not start: they would take port 53 of the machine."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = sorted({package for program, package in PACKAGES.items() if shutil.which(program) is None})
    if not missing:
        return
    if os.geteuid() != 0:
        raise CannotRun(f"missing: {', '.join(missing)}; run this as root")
    print("installing", *missing, flush=True)
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *missing]):
            run(["apt-get", *command], env=environment, timeout=900)
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)


def run(command, timeout=60, **options):
    """Runs a program to its end; its output, or what it said when it failed."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
                              **options)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotRun(f"{' '.join(command)}: {error}") from error
    if done.returncode != 0:
        raise CannotRun(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout[-2000:]}")
    return done.stdout


class Place:
    """The namespace of one server: its link to the generator, its link to the watch, and the sites on its loopback."""

    def __init__(self, machine, number):
        self.number = number
        self.namespace = f"{machine.prefix}{number}"
        self.interface = f"wb{machine.pid}s{number}"
        self.peer = f"wb{machine.pid}g{number}"
        self.address = f"10.77.{number}.{SERVER_HOST}"
        self.watch_client = f"10.78.{number}.{CLIENT_HOST}"

    def socket(self, kind):
        return socket_in(self.namespace, kind)


def socket_in(namespace, kind):
    """A socket of another namespace; it stays there."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    away = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if libc.setns(away, CLONE_NEWNET) != 0:
            raise CannotRun(f"cannot enter namespace {namespace}: {os.strerror(ctypes.get_errno())}")
        return socket.socket(socket.AF_INET, kind)
    finally:
        libc.setns(home, CLONE_NEWNET)
        os.close(home)
        os.close(away)


class Machine:
    """Namespaces and processes of one run. As a context manager it leaves nothing behind."""

    def __init__(self):
        if os.geteuid() != 0:
            raise CannotRun("network namespaces need root")
        if len(os.sched_getaffinity(0)) < 2:
            raise CannotRun("two cores are needed: one for the server, one for the generator")
        self.pid = os.getpid()
        self.prefix = f"waypost-bench-{self.pid}-"
        self.generator = f"{self.prefix}g"
        self.namespaces, self.processes, self.directories, self.places = [], [], [], 0

    def __enter__(self):
        self.remove_abandoned()
        # The script is idle while packets are counted, but must never be so on the core of the server.
        os.sched_setaffinity(0, {GENERATOR_CORE})
        self.add_namespace(self.generator)
        return self

    def __exit__(self, *_):
        # A second interrupt must not leave namespaces behind.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            self.end(process)
        for namespace in self.namespaces:
            subprocess.run(["ip", "netns", "del", namespace], stderr=subprocess.DEVNULL, timeout=30)
        for directory in self.directories:
            shutil.rmtree(directory, ignore_errors=True)

    @staticmethod
    def remove_abandoned():
        """Takes away what a run left that was killed outright."""
        for entry in pathlib.Path("/run/netns").glob("waypost-bench-*-*"):
            if not pathlib.Path("/proc", entry.name.split("-")[2]).exists():
                subprocess.run(["ip", "netns", "del", entry.name], timeout=30)

    def add_namespace(self, name):
        run(["ip", "netns", "add", name])
        self.namespaces.append(name)
        run(["ip", "-n", name, "link", "set", "lo", "up"])
        # Clients come from everywhere, and the watch through a link of its own.
        for scope in ("all", "default"):
            run(["ip", "netns", "exec", name, "sysctl", "-qw", f"net.ipv4.conf.{scope}.rp_filter=0"])

    def add_place(self, sites):
        """A namespace for a server, with `sites` as addresses of its loopback."""
        self.places += 1
        place = Place(self, self.places)
        self.add_namespace(place.namespace)
        self.link(place, place.interface, place.peer, "10.77")
        self.link(place, f"wb{self.pid}w{place.number}", f"wb{self.pid}v{place.number}", "10.78")
        gateway = f"10.77.{place.number}.{CLIENT_HOST}"
        run(["ip", "-n", place.namespace, "route", "add", CLIENTS, "via", gateway])
        for site in sites:
            run(["ip", "-n", place.namespace, "address", "add", f"{site}/32", "dev", "lo"])
        # The watch asks the address that everyone asks, on its own link: the generator takes all packets of the other.
        watch_link = f"wb{self.pid}v{place.number}"
        run(["ip", "-n", self.generator, "rule", "add", "from", place.watch_client, "table", 100 + place.number])
        run(["ip", "-n", self.generator, "route", "add", place.address, "via", f"10.78.{place.number}.{SERVER_HOST}",
             "dev", watch_link, "table", 100 + place.number])
        return place

    def link(self, place, inside, outside, network):
        run(["ip", "link", "add", inside, "netns", place.namespace, "type", "veth",
             "peer", "name", outside, "netns", self.generator])
        ends = ((place.namespace, inside, SERVER_HOST), (self.generator, outside, CLIENT_HOST))
        hardware = {}
        for namespace, interface, host in ends:
            run(["ip", "-n", namespace, "address", "add", f"{network}.{place.number}.{host}/24", "dev", interface])
            run(["ip", "-n", namespace, "link", "set", interface, "up"])
            told = run(["ip", "-n", namespace, "-o", "link", "show", interface])
            hardware[host] = told.split("link/ether ")[1].split()[0]
        # The generator answers no ARP, and nothing should be asked while packets are counted.
        for namespace, interface, host in ends:
            other = SERVER_HOST + CLIENT_HOST - host
            run(["ip", "-n", namespace, "neigh", "replace", f"{network}.{place.number}.{other}",
                 "lladdr", hardware[other], "dev", interface, "nud", "permanent"])

    def start(self, namespace, command, core, **options):
        """Starts a program that stays in the foreground, on one core, in a namespace."""
        words = ["ip", "netns", "exec", namespace, "taskset", "-c", str(core), *(str(word) for word in command)]
        # A session of its own: an interrupt at the terminal is handled here, in order.
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True, **options)
        self.processes.append(process)
        return process

    @staticmethod
    def end(process):
        """Ends a program and whatever it started."""
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait(PATIENCE)


class Mailers:
    """What the monitors find: a TCP port at every site that is up. Connections are accepted and closed."""

    def __init__(self, place, addresses, port):
        self.listeners = []
        for address in addresses:
            listener = place.socket(socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(64)
            self.listeners.append(listener)
            threading.Thread(target=self.serve, args=(listener,), daemon=True).start()

    @staticmethod
    def serve(listener):
        while True:
            try:
                listener.accept()[0].close()
            except OSError:
                return


def answers(generator, place, name, rtype=1):
    """How many records a server answers the generator with; None if it does not answer within a short time."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label)
    query = struct.pack(">6H", 0x5742, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", rtype, 1)
    with socket_in(generator, socket.SOCK_DGRAM) as client:
        client.settimeout(0.05)
        try:
            client.connect((place.address, 53))
            client.send(query)
            reply = client.recv(4096)
        except OSError:
            # Nobody listens there yet; asking again at once would take the core from who is starting.
            time.sleep(0.01)
            return None
    return struct.unpack(">6H", reply[:12])[3]


def stat(pid):
    """The parent of a process, its user time in seconds and that of its ended children."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        # The name may hold spaces and parentheses; nothing after it does.
        fields = file.read().rpartition(")")[2].split()
    return int(fields[1]), int(fields[11]) / TICKS, int(fields[13]) / TICKS


def descendants(root):
    """All processes below `root`, itself included, with their `stat`."""
    stats = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stats[int(entry)] = stat(entry)
            except (OSError, IndexError):
                continue
    family, grown = {root}, True
    while grown:
        more = {pid for pid, (parent, *_) in stats.items() if parent in family} - family
        family |= more
        grown = bool(more)
    return {pid: stats[pid] for pid in family if pid in stats}


def user_seconds(process):
    """User time of a server, over all its processes."""
    return sum(user for _, user, _ in descendants(process.pid).values())


def resident(process):
    """Resident memory of a server in octets, over all its processes."""
    total = 0
    for pid in descendants(process.pid):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) * 1024
    return total


def pin(process, core):
    """Puts every thread of a server on one core, whatever it thought best itself."""
    for pid in descendants(process.pid):
        for thread in os.listdir(f"/proc/{pid}/task"):
            try:
                os.sched_setaffinity(int(thread), {core})
            except OSError:
                continue


class Quiet:
    """Tells how much of the machine was taken by processes that are no part of the benchmark."""

    # Of one core; below it a figure stands.
    TOLERANCE = 0.06
    WINDOW = 0.5

    def __init__(self, patience):
        self.patience = patience

    @staticmethod
    def look():
        """Time, what processes and the hypervisor took, our part of it, idle time of the server's core.

        User time only: what the kernel does for packets is charged to whoever happens to run.
        """
        lines = pathlib.Path("/proc/stat").read_text(encoding="ascii").splitlines()
        fields = [int(field) / TICKS for field in lines[0].split()[1:]]
        core = next(line for line in lines if line.startswith(f"cpu{SERVER_CORE} "))
        idle = sum(int(field) for field in core.split()[4:6]) / TICKS
        ours = sum(user + ended for _, user, ended in descendants(os.getpid()).values())
        return time.monotonic(), fields[0] + fields[1] + fields[7], ours, idle

    @staticmethod
    def between(before, after):
        """The part of a core that others took, and the part of its time that the server's core was busy."""
        span = max(after[0] - before[0], 1e-3)
        others = (after[1] - before[1]) - (after[2] - before[2])
        return max(others, 0.0) / span, min(max(1.0 - (after[3] - before[3]) / span, 0.0), 1.0)

    def wait(self):
        """Waits until the machine is left alone, as long as there is patience."""
        while self.patience > 0:
            before = self.look()
            time.sleep(self.WINDOW)
            after = self.look()
            if self.between(before, after)[0] < self.TOLERANCE:
                return
            self.patience -= after[0] - before[0]
