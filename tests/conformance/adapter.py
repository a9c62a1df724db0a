"""Runs a built `waypost serve` under the answer-conformance suite.

    VENV/bin/python SUITE/run.py --adapter tests/conformance/adapter.py --min 100

The binary is WAYPOST_BIN, else the newer of target/release/waypost and target/debug/waypost of this tree. With
WAYPOST_SIGNED=yes every zone is signed.
"""
import json
import os
import pathlib
import socket
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def binary():
    """The binary to run, as an absolute path."""
    if os.environ.get("WAYPOST_BIN"):
        return str(pathlib.Path(os.environ["WAYPOST_BIN"]).resolve())
    built = [ROOT / "target" / profile / "waypost" for profile in ("release", "debug")]
    built = [path for path in built if path.exists()]
    if not built:
        raise SystemExit("adapter: no waypost binary; run `cargo build --release` or set WAYPOST_BIN")
    return str(max(built, key=lambda path: path.stat().st_mtime))


def free_port():
    """A loopback port for the admin API that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prepare(work, port, zones):
    """Writes the configuration for `zones` (each with .origin and .path) and says how to start the server."""
    quote = json.dumps  # a JSON string is a TOML basic string
    lines = [
        "[node]",
        'name = "conformance"',
        f'listen = ["127.0.0.1:{port}"]',
        "[admin]",
        f'listen = "127.0.0.1:{free_port()}"',
        f"socket = {quote(str(work / 'admin.sock'))}",
        "[state]",
        f"path = {quote(str(work / 'state'))}",
        "[rate_limit]",
        'responses_per_second = "off"',
    ]
    signing = []
    if os.environ.get("WAYPOST_SIGNED") == "yes":
        keys = work / "keys"
        generate = [binary(), "key", "generate", "--keyset", "conformance", "--dir", str(keys)]
        subprocess.run(generate, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lines += ["[dnssec]", f"keys = {quote(str(keys))}"]
        signing = ['dnssec = { keyset = "conformance" }']
    for zone in zones:
        lines += ["[[zone]]", f"origin = {quote(zone.origin)}", f"file = {quote(str(zone.path))}", *signing]
    conf = work / "waypost.toml"
    conf.write_text("\n".join(lines) + "\n")
    return {"argv": [binary(), "serve", "--config", str(conf)], "env": {}, "cwd": str(work)}
