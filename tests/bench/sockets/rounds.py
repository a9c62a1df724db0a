"""Servers side by side: every case once a round, so that what disturbs the machine for a while disturbs all alike."""
import dataclasses
import statistics

import generator
import machine

# A run that others disturbed is made again so often; then the least disturbed one stands.
ATTEMPTS = 4
CALIBRATION = 1.0
# Offered rates among which the one with the most replies is taken, a second.
RATES = {
    "sockets": (60_000, 80_000, 100_000, 120_000, 150_000, 200_000, 300_000),
    "AF_XDP": (100_000, 150_000, 200_000, 250_000, 300_000, 400_000, 600_000),
}


@dataclasses.dataclass(frozen=True)
class Case:
    """A server under one kind of queries. Cases of one path to the server are offered the same rate."""

    label: str
    server: object
    queries: object
    path: str = "sockets"


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of one case: replies a second, user time of the server in it, octets a reply, busy part of its core."""

    rate: float
    replies: int
    user: float
    size: int
    lost: float
    busy: float
    others: float


def once(on, case, rate, seconds):
    before, user = machine.Quiet.look(), machine.user_seconds(case.server.process)
    replies = generator.finish(generator.start(on, case.server.place, case.queries, rate, seconds), seconds)
    after, user = machine.Quiet.look(), machine.user_seconds(case.server.process) - user
    if case.server.process.poll() is not None:
        raise machine.CannotRun(f"{case.server.name} ended under queries:\n{case.server.log()}")
    others, busy = machine.Quiet.between(before, after)
    lost = 1 - replies.received / max(replies.sent, 1)
    return Run(replies.rate, replies.received, user, replies.size, lost, busy, others)


def measure(on, quiet, case, rate, seconds):
    """A run that nobody disturbed, if patience lasts."""
    runs = []
    for _ in range(ATTEMPTS):
        quiet.wait()
        runs.append(once(on, case, rate, seconds))
        if runs[-1].others < quiet.TOLERANCE or quiet.patience <= 0:
            break
        quiet.patience -= seconds
    return min(runs, key=lambda run: run.others)


def calibrate(on, quiet, case):
    """The offered rate at which a case replies most. Beyond it the generator takes from itself what it offers more."""
    rates = {rate: measure(on, quiet, case, rate, CALIBRATION).rate for rate in RATES[case.path]}
    best = max(rates, key=rates.get)
    print(f"offered over {case.path}: {best:,}/s, at which {case.label} replies most:",
          ", ".join(f"{rate // 1000}k -> {reply / 1000:.1f}k" for rate, reply in rates.items()), flush=True)
    return best


def play(on, quiet, cases, rates, rounds, seconds):
    """All rounds; for every case its runs in the order of the rounds."""
    runs = {case.label: [] for case in cases}
    for number in range(rounds):
        # Every other round goes backwards: whoever comes after a heavy one does not always do so.
        for case in cases if number % 2 == 0 else reversed(cases):
            runs[case.label].append(measure(on, quiet, case, rates[case.path], seconds))
        told = ", ".join(f"{case.label} {runs[case.label][-1].rate / 1000:.1f}k" for case in cases)
        print(f"round {number + 1} of {rounds}: {told}", flush=True)
    return runs


def ratio(runs, left, right):
    """The median over rounds of the ratio within the round; None if one was not measured."""
    if left not in runs or right not in runs:
        return None
    pairs = [(a.rate, b.rate) for a, b in zip(runs[left], runs[right]) if b.rate > 0]
    return statistics.median(a / b for a, b in pairs) if pairs else None


def tick_error(runs, label):
    """How far `user_per_reply` may be off, one standard deviation: ticks are sampled."""
    replies, ticks = sum(run.replies for run in runs[label]), sum(run.user for run in runs[label]) * machine.TICKS
    return max(ticks, 1.0) ** 0.5 / machine.TICKS * 1e6 / max(replies, 1)


def user_per_reply(runs, label):
    """Microseconds over all rounds: one run is a few ticks of the clock that user time is counted in."""
    if label not in runs:
        return None
    replies = sum(run.replies for run in runs[label])
    return sum(run.user for run in runs[label]) * 1e6 / replies if replies else None
