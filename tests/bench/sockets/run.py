#!/usr/bin/env python3
"""Waypost beside gdnsd, NSD, Knot and a bare echo, over sockets and AF_XDP: replies a second, what they cost, ratios.

    sudo tests/bench/sockets/run.py                     # everything, about 15 minutes on a quiet machine
    sudo tests/bench/sockets/run.py --only sockets      # of: sockets, xdp, domains, signed, flip, reload
    sudo tests/bench/sockets/run.py --only domains,flip --domains 1,1000 --rounds 3

Needs root, two cores and `cargo build --release`; installs what is missing of the other servers from Debian 12.
Servers run on core 0, the generator (kxdpgun) on core 1, each server in a network namespace of its own; nothing
leaves them, and they are gone at the end. All servers answer for the same zone. Rounds are interleaved, and ratios
are taken within a round before the median over rounds. Runs that other processes disturb are made again while
patience lasts.

It is a benchmark and no test: it ends with 0 if all could be measured, whatever the figures.
"""
import argparse
import pathlib
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import generator
import machine
import report
import rounds
import servers
import steady

SCENARIOS = ("sockets", "xdp", "domains", "signed", "flip", "reload")
ROOT = pathlib.Path(__file__).resolve().parents[3]
# Until monitors have judged every site; the third failed probe of the site that is down is long past.
SETTLE = 5.0
MIB = 1 << 20


def numbers(text):
    return sorted({int(part) for part in text.split(",")})


def scenarios(text):
    chosen = text.split(",")
    if unknown := set(chosen) - set(SCENARIOS):
        raise argparse.ArgumentTypeError(f"no such scenario: {', '.join(sorted(unknown))}")
    return chosen


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waypost", type=pathlib.Path, default=ROOT / "target/release/waypost", metavar="PATH")
    parser.add_argument("--only", type=scenarios, default=list(SCENARIOS), metavar="SCENARIO,...")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run (default 3)")
    parser.add_argument("--domains", type=numbers, default=[1, 1000, 100_000, 1_000_000], metavar="N,...",
                        help="sizes of the set of domains of one template (default 1,1000,100000,1000000)")
    parser.add_argument("--loads", type=int, default=3, help="starts with the largest set of domains (default 3)")
    parser.add_argument("--xdp", nargs="?", const='xdp = ["{interface}"]', metavar="LINE",
                        help="measure Waypost over AF_XDP too; LINE of [node] turns it on (default: %(const)s)")
    parser.add_argument("--flips", type=int, default=100, help="drains, and as many returns (default 100)")
    parser.add_argument("--flip", action="store_true", help="only flips, or flips and reloads")
    parser.add_argument("--reload", action="store_true", help="only reloads, or flips and reloads")
    parser.add_argument("--rate", type=int, metavar="N", help="queries/s offered over sockets (default: found out)")
    parser.add_argument("--xdp-rate", type=int, metavar="N", help="the same over AF_XDP")
    parser.add_argument("--steady-rate", type=int, metavar="N",
                        help="queries/s during flips and reloads (default: half of what the echo replies)")
    parser.add_argument("--patience", type=float, default=600.0,
                        help="seconds to wait, altogether, until other processes leave the machine alone (default 600)")
    options = parser.parse_args()
    if options.flip or options.reload:
        options.only = [scenario for scenario in ("flip", "reload") if getattr(options, scenario)]
    return options


class Bench:
    """Servers and cases of the chosen scenarios, and the measurements on them."""

    def __init__(self, on, options, directory):
        self.on, self.options, self.directory = on, options, directory
        self.quiet = machine.Quiet(options.patience)
        self.servers, self.cases, self.sizes, self.runs, self.rates = {}, {}, {}, {}, {}
        self.loads, self.failures, self.flips, self.reloads = [], [], None, None

    def wants(self, *scenarios):
        return any(scenario in self.options.only for scenario in scenarios)

    def server(self, kind, name, **options):
        if name not in self.servers:
            self.servers[name] = kind(name, self.on, self.directory / f"server-{len(self.servers)}", **options)
        return self.servers[name]

    def waypost(self, name, **options):
        return self.server(servers.Waypost, name, program=self.options.waypost, **options)

    def case(self, label, server, queries, path="sockets"):
        self.cases[label] = rounds.Case(label, server, queries, path)

    def queries(self, name, names, edns="E"):
        return generator.write_queries(self.directory / name, names, edns)

    def set_up(self):
        """What is compared: servers, and cases that differ in server or queries."""
        servers.build(self.directory)
        one = self.queries("one", servers.ONE_ZONE)
        echo = self.server(servers.Echo, "echo")
        self.case("echo", echo, one)
        if self.wants("sockets"):
            for kind, name in ((servers.Gdnsd, "gdnsd"), (servers.Nsd, "NSD"), (servers.Knot, "Knot")):
                self.case(name, self.server(kind, name), one)
        if self.wants("sockets", "domains"):
            self.case("Waypost", self.waypost("Waypost"), one)
        if self.wants("signed"):
            signed = self.queries("signed", servers.ONE_ZONE, "D")
            self.case("Waypost, DO", self.waypost("Waypost"), signed)
            self.case("Waypost signed, DO", self.waypost("Waypost signed", signed=True), signed)
        if self.wants("domains"):
            for count in self.options.domains:
                label = f"Waypost, {count:,} domains"
                self.case(label, self.waypost(label, domains=count), self.domain_queries(count))
            # What it costs the generator to ask for as many names.
            count = self.options.domains[-1]
            self.case(f"echo, {count:,} names", echo, self.domain_queries(count))
        if self.wants("flip", "reload"):
            count = self.options.domains[-1]
            self.waypost(f"Waypost, {count:,} domains", domains=count)
        if self.wants("xdp"):
            self.case("Knot AF_XDP", self.server(servers.Knot, "Knot AF_XDP", xdp=True), one, "AF_XDP")
            if self.options.xdp:
                self.case("Waypost AF_XDP", self.waypost("Waypost AF_XDP", xdp=self.options.xdp), one, "AF_XDP")

    def domain_queries(self, count):
        path = self.directory / f"domains-{count}"
        if not path.exists():
            # Each name once, as MX or A by chance; a set smaller than that of the generator's batch is asked for both.
            names = [servers.domain(number) for number in generator.shuffled(count)]
            kinds = ((("", "MX"), ("mail.", "A")))
            asked = [(prefix + name, rtype) for index, name in enumerate(names)
                     for prefix, rtype in (kinds if count < 1000 else kinds[index % 2:][:1])]
            generator.write_queries(path, asked, "E")
        return path

    def start(self):
        largest = self.servers.get(f"Waypost, {self.options.domains[-1]:,} domains")
        for server in self.servers.values():
            self.quiet.wait()
            server.start()
            print(f"{server.name}: answers after {server.load:.2f} s", flush=True)
            if server is largest:
                self.loads.append(server.load)
                for _ in range(self.options.loads - 1):
                    server.stop()
                    self.quiet.wait()
                    server.launch()
                    self.loads.append(server.load)
                print(f"{server.name}: loads", ", ".join(f"{load:.2f}" for load in self.loads), "s", flush=True)
        time.sleep(SETTLE)

    def offer(self):
        """What is offered: enough for the fastest, the same for all on a path."""
        given = {"sockets": self.options.rate, "AF_XDP": self.options.xdp_rate}
        for path in ("sockets", "AF_XDP"):
            first = next((case for case in self.cases.values() if case.path == path), None)
            if first is not None:
                self.rates[path] = given[path] or rounds.calibrate(self.on, self.quiet, first)

    def measure(self):
        if self.wants("sockets", "xdp", "domains", "signed"):
            self.runs = rounds.play(self.on, self.quiet, list(self.cases.values()), self.rates, self.options.rounds,
                                    self.options.seconds)
        self.sizes = {server.name: machine.resident(server.process) for server in self.servers.values()}
        if not self.wants("flip", "reload"):
            return
        count = self.options.domains[-1]
        server, queries = self.servers[f"Waypost, {count:,} domains"], self.domain_queries(count)
        rate = self.options.steady_rate
        if rate is None:
            most = rounds.measure(self.on, self.quiet, self.cases["echo"], self.rates["sockets"], self.options.seconds)
            rate = round(most.rate / 2)
        if self.wants("flip"):
            self.attempt(self.flip, server, queries, rate)
        if self.wants("reload"):
            self.attempt(self.reload, server, queries, rate)

    def attempt(self, measurement, *what):
        """What cannot be measured must not cost what was."""
        try:
            measurement(*what)
        except machine.CannotRun as reason:
            self.failures.append(str(reason))

    def flip(self, server, queries, rate):
        print(f"{2 * self.options.flips} changes of plan at {rate:,} queries/s", flush=True)
        self.quiet.wait()
        before = self.quiet.look()
        self.flips = steady.flips(self.on, self.directory, server, queries, rate, self.options.flips)
        print(f"disturbed {self.quiet.between(before, self.quiet.look())[0]:.0%}", flush=True)

    def reload(self, server, queries, rate):
        print(f"{self.options.rounds} reloads at {rate:,} queries/s", flush=True)
        self.reloads = steady.reloads(self.on, self.quiet, self.directory, server, self.servers["echo"], queries, rate,
                                      self.options.rounds)

    def show(self):
        report.memory(self.servers.values(), self.sizes)
        for path, base in (("sockets", "echo"), ("AF_XDP", "Knot AF_XDP")):
            cases = [case for case in self.cases.values() if case.path == path and case.label in self.runs]
            if cases:
                report.figures(self.runs, cases, base)
        if self.flips:
            delays, summary, replies = self.flips
            report.flips(delays, summary, replies)
        self.goals().show()
        if self.options.patience > 0 >= self.quiet.patience:
            print("\nother processes took part of the machine: see `disturbed`, in parts of a core, and measure again")

    def goals(self):
        goals, runs, largest = report.Goals(), self.runs, self.options.domains[-1]
        many = f"Waypost, {largest:,} domains"
        if self.wants("sockets"):
            for other, bound in (("echo", 0.97), ("gdnsd", 1.0), ("NSD", 1.0), ("Knot", 1.3)):
                goals.add(f"replies/s, Waypost / {other}", rounds.ratio(runs, "Waypost", other), "at least", bound)
            cost = rounds.user_per_reply(runs, "Waypost")
            goals.add("user CPU a reply", cost, "at most", 0.4, " us")
            goals.add("user CPU a reply, as gdnsd", cost, "at most", rounds.user_per_reply(runs, "gdnsd"), " us")
        if self.wants("xdp"):
            goals.add("replies/s over AF_XDP, Waypost / Knot", rounds.ratio(runs, "Waypost AF_XDP", "Knot AF_XDP"),
                      "at least", 1.2)
        if self.wants("domains"):
            goals.add(f"replies/s, {largest:,} domains / one zone", rounds.ratio(runs, many, "Waypost"), "at least",
                      0.9)
        if self.wants("domains", "flip", "reload"):
            goals.add(f"resident memory, {largest:,} domains", self.sizes[many] / MIB, "at most", 400, " MiB")
            goals.add(f"load, {largest:,} domains", steady.median(self.loads), "at most", 10, " s")
        if self.wants("signed"):
            share = rounds.ratio(runs, "Waypost signed, DO", "Waypost, DO")
            goals.add("replies/s, signed / unsigned", share, "at least", 0.8)
        if self.wants("flip"):
            slowest = steady.percentile(self.flips[0]["order"], 0.99) if self.flips else None
            goals.add(f"p99 from order to new answer, {largest:,} domains", slowest, "at most", 5, " ms")
        if self.reloads:
            goals.add("queries lost around a reload", 100 * steady.median(self.reloads["lost"]), "at most",
                      100 * max(self.reloads["echo lost"]), " %")
        elif self.wants("reload"):
            goals.add("queries lost around a reload", None, "at most", 0, " %")
        return goals


def main():
    options = arguments()
    # An interrupt and an order to end take the same way out, past everything that must be removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    try:
        if not options.waypost.is_file():
            raise machine.CannotRun(f"no {options.waypost}: cargo build --release, or --waypost PATH")
        options.waypost = options.waypost.resolve()
        machine.install_missing()
        with tempfile.TemporaryDirectory(prefix="waypost-bench-") as directory, machine.Machine() as on:
            bench = Bench(on, options, pathlib.Path(directory))
            bench.set_up()
            bench.start()
            bench.offer()
            bench.measure()
            bench.show()
            if bench.failures:
                raise machine.CannotRun("\n".join(bench.failures))
    except machine.CannotRun as reason:
        print(f"could not run: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
