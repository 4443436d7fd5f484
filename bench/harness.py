"""Side-by-side timing: every round runs ours and each peer in turn.

A case is a name, a dictionary of callables (ours under the key ``tensegrity``)
and a bar: the least ratio peer/ours asked for, against the fastest peer named.
Times are wall seconds of one call, from enough calls to fill a slice of time;
a round gives one time for each callable, and the ratio is taken round by round,
so that a slow moment of the machine hits both sides.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rust", type=pathlib.Path, help="JSON lines of the Rust benches")
    parser.add_argument("--quick", action="store_true", help="fewer, shorter rounds")
    parser.add_argument("--keep", action="store_true", help="write the raw run to bench/runs")
    return parser.parse_args()


def quartiles(values):
    values = sorted(values)
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def seconds_of(call, calls):
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


class Bench:
    """Collects cases, prints a table, keeps the raw numbers."""

    def __init__(self, room, args):
        self.room = room
        self.rounds = 5 if args.quick else 15
        self.slice = 0.02 if args.quick else 0.08
        self.keep = args.keep
        self.rows = []
        self.raw = []
        self.notes = []
        self.inner = {}
        if args.rust and args.rust.exists():
            for line in args.rust.read_text().splitlines():
                record = json.loads(line)
                self.inner[record["name"]] = record

    def case(self, name, calls, bar=None, rounds=None):
        """Times ``calls`` (name -> callable); the first is ours."""
        counts = {}
        for who, call in calls.items():
            call()
            once = min(seconds_of(call, 1) for _ in range(2))
            counts[who] = max(1, int(self.slice / max(once, 1e-9)))
        times = {who: [] for who in calls}
        gc.collect()
        gc.disable()
        for _ in range(rounds or self.rounds):
            for who, call in calls.items():
                times[who].append(seconds_of(call, counts[who]))
        gc.enable()
        self.record(name, times, bar)

    def record(self, name, times, bar=None):
        """Adds a row from raw times (name -> list of seconds); the first is ours."""
        who, *peers = times
        medians = {key: statistics.median(values) for key, values in times.items()}
        best = min(peers, key=medians.get)
        ratios = [peer / ours for peer, ours in zip(times[best], times[who])]
        low, middle, high = quartiles(ratios)
        held = None if bar is None else middle >= bar
        self.rows.append((name, medians, best, low, middle, high, bar, held))
        self.raw.append({"case": name, "seconds": times, "bar": bar})
        print(self.line(self.rows[-1]), flush=True)

    def figure(self, name, value, bar=None, unit="", smaller=True):
        """Adds a plain figure with a bar it must not exceed (or must reach)."""
        held = None if bar is None else (value <= bar if smaller else value >= bar)
        verdict = "" if held is None else ("  held" if held else "  MISSED")
        limit = "" if bar is None else f"  bar {'<=' if smaller else '>='} {bar:g} {unit}"
        text = f"{name:<52} {value:12.4g} {unit}{limit}{verdict}"
        self.raw.append({"case": name, "value": value, "unit": unit, "bar": bar})
        self.notes.append(text)
        print(text, flush=True)

    @staticmethod
    def line(row):
        name, medians, best, low, middle, high, bar, held = row
        cells = "  ".join(f"{key} {1e3 * value:9.4f}" for key, value in medians.items())
        limit = "" if bar is None else f"  bar >= {bar:g} {'held' if held else 'MISSED'}"
        return f"{name:<44} {cells} ms | {best}/ours {middle:6.2f} [{low:.2f}, {high:.2f}]{limit}"

    def machine(self):
        cpu = platform.processor() or platform.machine()
        try:
            for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
                if line.startswith("model name"):
                    cpu = line.split(":", 1)[1].strip()
                    break
        except OSError:
            pass
        packages = ("tensegrity", "numpy", "torch", "opt_einsum", "tensorly", "scipy", "pillow",
                    "pytorch_optimizer", "jax", "optax", "OPTAMI")
        versions = {}
        for package in packages:
            try:
                versions[package] = importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                versions[package] = None
        return {
            "cpu": cpu,
            "cores": os.cpu_count(),
            "system": platform.system(),
            "python": platform.python_version(),
            "threads": os.environ.get("OMP_NUM_THREADS", "default"),
            "versions": versions,
        }

    def close(self):
        """Writes the raw run when asked to and says how many bars held."""
        verdicts = [row[-1] for row in self.rows if row[-1] is not None]
        verdicts += ["held" in note for note in self.notes if "bar" in note]
        print(f"\n{sum(verdicts)} of {len(verdicts)} bars held")
        if not self.keep:
            return
        day = datetime.date.today().isoformat()
        machine = self.machine()
        short = "".join(c if c.isalnum() else "-" for c in machine["cpu"].lower()).strip("-")
        target = ROOT / "bench" / "runs" / f"{day}-{short}-{self.room}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        run = {
            "room": self.room,
            "date": day,
            "machine": machine,
            "rounds": self.rounds,
            "cases": self.raw,
            "rust": list(self.inner.values()),
        }
        target.write_text(json.dumps(run, indent=1) + "\n")
        print(f"raw run: {target.relative_to(ROOT)}")
