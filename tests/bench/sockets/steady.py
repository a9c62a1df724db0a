"""What happens while queries go on: a site that flips, and a reload."""
import calendar
import json
import signal
import statistics
import subprocess
import threading
import time

import generator
import machine
import servers

# Between two questions of the watch, in microseconds: how finely a change is seen.
GAP = 200
# After a change has been seen, or an order was given in vain.
REST = 0.1
PATIENCE = 10.0
SITE = servers.SITES[0]
# Before and after a reload, in which queries are counted too.
MARGIN = 1.0
RELOAD_PATIENCE = 300


class Watch:
    """See watch.c. `changes` grows as answers change: (time in nanoseconds, addresses)."""

    def __init__(self, on, directory, server, name, seconds):
        place = server.place
        command = [directory / "watch", place.watch_client, place.address, servers.PORT, name, GAP, round(seconds)]
        self.process = on.start(on.generator, command, machine.GENERATOR_CORE, stdout=subprocess.PIPE, text=True)
        self.changes, self.summary = [], {}
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            words = line.split()
            if words[0] == "sent":
                self.summary = dict(zip(words[::2], map(int, words[1::2])))
            else:
                self.changes.append((int(words[0]), words[1] if len(words) > 1 else ""))

    def change_after(self, moment, wanted):
        """The first answer after `moment` of which `wanted` holds; None if none comes in time."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for at, addresses in self.changes:
                if at >= moment and wanted(addresses):
                    return at
            time.sleep(0.002)
        return None

    def end(self):
        self.process.terminate()
        self.reader.join(PATIENCE)
        machine.Machine.end(self.process)
        return self.summary


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def flips(on, directory, server, queries, rate, count):
    """Takes a site out and back `count` times. Milliseconds to the first packet with the new answer, from moments
    before and after the change of plan: the command, the order's entry in the journal, the plan's, the return."""
    name = f"mail.{servers.domain(server.domains // 2)}"
    bound = count * 2 * (PATIENCE + REST)
    load = generator.start(on, server.place, queries, rate, bound)
    generator.wait_until_sending(on, server.place)
    watch = Watch(on, directory, server, name, bound)
    if watch.change_after(0, lambda addresses: addresses == SITE.address) is None:
        raise machine.CannotRun(f"{name} is not answered with {SITE.address}: {watch.changes}")
    newest = journal(server, None)[-1]["id"]
    seen = []
    for number in range(count * 2):
        out = number % 2 == 0
        words = ["drain", "--for", "1h", "--yes", "--force", "--reason", "benchmark", "--confirm", SITE.name, SITE.name] if out else \
            ["undrain", SITE.name]
        called = time.time_ns()
        server.tell(*words)
        returned = time.time_ns()
        at = watch.change_after(called, lambda addresses: (addresses == SITE.address) != out)
        if at is None:
            raise machine.CannotRun(f"`waypost {' '.join(words)}` changed no answer within {PATIENCE} s")
        seen.append((called, returned, at))
        time.sleep(REST)
    summary, replies = watch.end(), generator.stop(load)
    entries = []
    while page := journal(server, newest):
        entries += [(nanoseconds(entry["time"]), entry["event"]) for entry in page]
        newest = page[-1]["id"]
    delays = {"order": [], "plan": [], "call": [], "return": []}
    for called, returned, at in seen:
        within = [(moment, event) for moment, event in entries if called <= moment <= max(returned, at)]
        delays["call"].append((at - called) / 1e6)
        delays["return"].append((at - returned) / 1e6)
        for key, kinds in (("order", ("ordered", "lifted")), ("plan", ("plan",))):
            delays[key] += [(at - moment) / 1e6 for moment, event in within if event in kinds][:1]
    return delays, summary, replies


def journal(server, after):
    words = [] if after is None else ["--after", str(after)]
    told = server.tell("events", "-o", "jsonl", "-n", "1000", *words)
    return [json.loads(line) for line in told.splitlines() if line.startswith("{")]


def nanoseconds(moment):
    """Of an RFC 3339 time in UTC, which Python reads only to microseconds."""
    seconds, _, fraction = moment.rstrip("Z").partition(".")
    whole = calendar.timegm(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S"))
    return whole * 10**9 + int(fraction.ljust(9, "0")[:9] or 0)


def reload(on, directory, server, queries, rate, serial):
    """Queries lost around one reload of a changed template, its seconds, and the longest time without an answer."""
    server.write_zone(serial)
    bound = RELOAD_PATIENCE + 2 * MARGIN
    load = generator.start(on, server.place, queries, rate, bound)
    generator.wait_until_sending(on, server.place)
    watch = Watch(on, directory, server, f"mail.{servers.domain(server.domains // 2)}", bound)
    time.sleep(MARGIN)
    took = reload_once(on, server)
    time.sleep(MARGIN)
    summary = watch.end()
    return generator.stop(load), took, summary


def reload_once(on, server):
    """Asks by signal for what is on disk, and waits for the journal to tell of it; the seconds that took."""
    follower = on.start(on.generator, [server.program, "--config", server.file, "events", "-o", "jsonl", "-n", "1",
                                       "--follow"], machine.GENERATOR_CORE, stdout=subprocess.PIPE, text=True)
    try:
        # What the journal held before; then it follows.
        follower.stdout.readline()
        began = time.time_ns()
        # The journal is read by a thread: a node that never tells of its reload must not hold up the benchmark.
        told = []
        reader = threading.Thread(target=lambda: told.extend(first_reload(follower.stdout, began)), daemon=True)
        reader.start()
        server.process.send_signal(signal.SIGHUP)
        reader.join(RELOAD_PATIENCE)
    finally:
        machine.Machine.end(follower)
    if not told or told[0]["event"] != "reloaded":
        raise machine.CannotRun(f"no reload within {RELOAD_PATIENCE} s: {told}\n{server.log()}")
    return (nanoseconds(told[0]["time"]) - began) / 1e9


def first_reload(lines, after):
    for line in lines:
        entry = json.loads(line)
        if entry["event"] in ("reloaded", "reload_failed") and nanoseconds(entry["time"]) >= after:
            return [entry]
    return []


def undisturbed(on, directory, server, queries, rate, seconds):
    """The same without a reload."""
    load = generator.start(on, server.place, queries, rate, RELOAD_PATIENCE)
    generator.wait_until_sending(on, server.place)
    watch = Watch(on, directory, server, f"mail.{servers.ORIGIN}", RELOAD_PATIENCE)
    time.sleep(seconds + 2 * MARGIN)
    summary = watch.end()
    return generator.stop(load), summary


def reloads(on, quiet, directory, server, echo, queries, rate, count):
    """In turns: a reload under queries, and the echo for as long. Lost queries, seconds, silences in milliseconds."""
    told = {"lost": [], "echo lost": [], "asked": [], "seconds": [], "silence": [], "echo silence": []}
    for number in range(count):
        quiet.wait()
        before = quiet.look()
        replies, took, summary = reload(on, directory, server, queries, rate, number + 2)
        plain, plain_summary = undisturbed(on, directory, echo, queries, rate, took)
        others, _ = quiet.between(before, quiet.look())
        told["asked"].append(replies.sent)
        told["lost"].append(1 - replies.received / max(replies.sent, 1))
        told["echo lost"].append(1 - plain.received / max(plain.sent, 1))
        told["seconds"].append(took)
        told["silence"].append(summary["silence"] / 1e6)
        told["echo silence"].append(plain_summary["silence"] / 1e6)
        print(f"reload {number + 1} of {count}: {took:.2f} s, lost {told['lost'][-1]:.4%} of {replies.sent:,} queries "
              f"(echo {told['echo lost'][-1]:.4%}), longest silence {told['silence'][-1]:.1f} ms "
              f"(echo {told['echo silence'][-1]:.1f} ms), disturbed {others:.0%}", flush=True)
    return told


def median(values):
    return statistics.median(values) if values else None
