"""Runs the answer-conformance suite in three turns, so that every query is asked over UDP, over UDP with EDNS and over TCP.

    VENV/bin/python tests/conformance/turns.py SUITE [ARGUMENT ...]

The runner asks every third test with EDNS and every third over TCP; each turn moves one more test to the end, so that
after three of them no test is left out. Ends with 1 if any turn scores below 100 %.
"""
import gzip
import pathlib
import subprocess
import sys
import tempfile

suite, arguments = pathlib.Path(sys.argv[1]), sys.argv[2:]
adapter = pathlib.Path(__file__).with_name("adapter.py")
lines = gzip.open(suite / "tests.jsonl.gz", "rt", encoding="ascii").read().splitlines(keepends=True)
tests = [line for line in lines if '"kind": "test"' in line]
others = [line for line in lines if '"kind": "test"' not in line]
failed = False
for turn in range(3):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="ascii") as file:
        file.writelines(others + tests[turn:] + tests[:turn])
        file.flush()
        command = [sys.executable, str(suite / "run.py"), "--adapter", str(adapter), "--tests", file.name]
        command += ["--min", "100", "--tcp-every", "3", "--edns-every", "3", *arguments]
        output = subprocess.run(command, capture_output=True, text=True)
    said = output.stdout.splitlines()
    if output.returncode != 0 or not said:
        failed = True
        print(output.stdout + output.stderr)
    print(f"turn {turn + 1} of 3:", *[line for line in said if line.startswith(("asked", "ferret"))])
sys.exit(1 if failed else 0)
