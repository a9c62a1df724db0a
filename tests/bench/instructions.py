#!/usr/bin/env python3
"""Instructions per answer on the hot path, by class of query, against the figures on record.

    tests/bench/instructions.py              # exits with 1 where a class takes more than 5 % above its figure
    tests/bench/instructions.py --record     # puts the measured figures on record

Counted by valgrind, so the same for the same binary however busy the machine is. A class that became cheaper by more
than that is told: its figure should be recorded anew, or the gain can be lost unseen. Needs valgrind and a C linker.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORD = pathlib.Path(__file__).with_name("instructions.json")
TOLERANCE = 0.05
TIMES = 2000


def built():
    # For any processor: which instructions there are must not follow from the machine.
    subprocess.run(["cargo", "build", "--release", "--locked", "--example", "hot_queries"], cwd=ROOT, check=True)
    return ROOT / "target/release/examples/hot_queries"


def counted(binary):
    classes = subprocess.run([binary], check=True, capture_output=True, text=True).stdout.splitlines()
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory) / "out"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--toggle-collect=answer_all",
                   "--dump-after=answer_all", binary, str(TIMES)]
        ran = subprocess.run(command, capture_output=True, text=True)
        if ran.returncode != 0:
            sys.exit(f"{command[0]} ended with {ran.returncode}:\n{ran.stderr}")
        totals = []
        # One dump a call, numbered; the first call of each class makes its body.
        for number in range(1, 2 * len(classes) + 1):
            text = pathlib.Path(f"{out}.{number}").read_text()
            totals.append(int(re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)[1]))
    return dict(zip(classes, (round(total / TIMES) for total in totals[1::2])))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true")
    record = parser.parse_args().record
    figures = counted(built())
    if record:
        RECORD.write_text(json.dumps(figures, indent=4) + "\n")
    known = json.loads(RECORD.read_text())
    worse = []
    print(f"{'class of query':<22}{'instructions':>13}{'on record':>11}")
    for name, figure in figures.items():
        was = known.get(name)
        ratio = figure / was if was else None
        note = "" if ratio else "  not on record"
        if ratio and abs(ratio - 1) > TOLERANCE:
            note = f"  {ratio - 1:+.0%}" + ("" if ratio > 1 else ": record it anew")
        if ratio is None or ratio > 1 + TOLERANCE:
            worse.append(name)
        print(f"{name:<22}{figure:>13}{was if was else '-':>11}{note}")
    if worse:
        sys.exit(f"more instructions than on record, beyond {TOLERANCE:.0%}: {', '.join(worse)}")


if __name__ == "__main__":
    main()
