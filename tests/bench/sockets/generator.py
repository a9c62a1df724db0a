"""The generator: which queries are asked, and what `kxdpgun` says of the replies."""
import dataclasses
import random
import re
import signal
import subprocess
import time

import machine

# Beyond the time that it generates: reading a million queries and attaching its program.
START = 60.0
# Its statistics go by whole batches; more in a batch would overrun the queue of a socket at moderate rates.
BATCH = 10


@dataclasses.dataclass(frozen=True)
class Replies:
    """What came back of one run."""

    sent: int
    received: int
    rate: float
    size: int


def write_queries(path, names, edns):
    """One line a query. `edns`: `E` for a plain OPT, `D` to ask for signatures too."""
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f"{name} {rtype} {edns}\n" for name, rtype in names)
    return path


def shuffled(count):
    """The numbers below `count` in an order that no cache foresees, the same in every run."""
    numbers = list(range(count))
    random.Random(1).shuffle(numbers)
    return numbers


def start(on, place, queries, rate, seconds):
    """Starts `kxdpgun` towards a server."""
    command = ["kxdpgun", "-t", seconds, "-Q", rate, "-b", BATCH, "-F", machine.GENERATOR_CORE, "-I", place.peer,
               "-l", machine.CLIENTS, "-i", queries, "-p", 53, place.address]
    return on.start(on.generator, command, machine.GENERATOR_CORE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    text=True)


def wait_until_sending(on, place, patience=START):
    """`kxdpgun` reads its queries before it sends the first."""
    def sent():
        path = f"/sys/class/net/{place.peer}/statistics/tx_packets"
        return int(machine.run(["ip", "netns", "exec", on.generator, "cat", path]))

    deadline, before = time.monotonic() + patience, sent()
    while sent() < before + 100:
        if time.monotonic() > deadline:
            raise machine.CannotRun("kxdpgun sends nothing")
        time.sleep(0.05)


def finish(process, seconds):
    """What `kxdpgun` counted, at its end."""
    try:
        told, _ = process.communicate(timeout=seconds + START)
    except subprocess.TimeoutExpired as error:
        machine.Machine.end(process)
        raise machine.CannotRun("kxdpgun did not end") from error
    sent = re.search(r"total queries: +(\d+)", told)
    received = re.search(r"total replies: +(\d+) \((\d+) pps\)", told)
    if sent is None:
        raise machine.CannotRun(f"kxdpgun failed:\n{told[-2000:]}")
    # Without a single reply it says nothing of replies.
    size = re.search(r"average DNS reply size: (\d+)", told)
    if received is None or size is None:
        return Replies(int(sent[1]), 0, 0.0, 0)
    return Replies(int(sent[1]), int(received[1]), float(received[2]), int(size[1]))


def stop(process):
    """Lets `kxdpgun` end early; it counts all the same."""
    process.send_signal(signal.SIGINT)
    return finish(process, 0)
