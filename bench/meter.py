"""The energy meter against CodeCarbon: time to the first reading, cost of sampling.

Every start is a process of its own, timed inside from before the import to a
meter that runs. CodeCarbon is offline, in its load mode where no counter can be
read; both meter the same stretch, whose figures are printed side by side.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile

from harness import Bench, arguments

OURS = """
import tensegrity.energy
meter = tensegrity.energy.Meter()
meter.__enter__()
"""
THEIRS = """
import logging, os
os.environ["CODECARBON_LOG_LEVEL"] = "error"
from codecarbon import OfflineEmissionsTracker
meter = OfflineEmissionsTracker(country_iso_code="FRA", save_to_file=False, log_level="error",
                                measure_power_secs={seconds}, allow_multiple_runs=True)
meter.start()
"""
# The sampler's time is that of the process while it sleeps.
SLEEP = """
import resource
def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
before, begun = used(), time.perf_counter()
time.sleep({span})
share = (used() - before) / (time.perf_counter() - begun)
"""
OUR_END = "meter.__exit__(None, None, None)\njoules, backend = meter.joules, meter.backend\n"
THEIR_END = """
meter.stop()
joules, backend = 3.6e6 * meter.final_emissions_data.energy_consumed, "codecarbon"
"""


def child(*parts):
    """Runs the parts in a fresh process; returns the JSON of its last line."""
    script = "import json, time\nclock = time.perf_counter()\n" + "".join(parts)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=folder
        )
    return json.loads(done.stdout.splitlines()[-1])


def start(meter):
    return child(meter, "print(json.dumps(time.perf_counter() - clock))\n")


def sampled(meter, end, span):
    return child(meter, SLEEP.format(span=span), end, "print(json.dumps([share, joules, str(backend)]))\n")


def main():
    args = arguments()
    bench = Bench("meter", args)
    theirs = THEIRS.format(seconds=1)
    start(OURS), start(theirs)  # files into the page cache
    times = {"tensegrity": [], "codecarbon": []}
    for _ in range(3 if args.quick else 9):
        times["tensegrity"].append(start(OURS))
        times["codecarbon"].append(start(theirs))
    bench.record("start: import to a running meter", times, bar=20)

    span = 5 if args.quick else 20
    share, ours, backend = sampled(
        OURS.replace("Meter()", "Meter(interval=0.1)"), OUR_END, span
    )
    bench.figure("sampling at 10 Hz, of one processor", 100 * share, 0.5, "%")
    peer, other, _ = sampled(theirs, THEIR_END, span)
    bench.figure("  CodeCarbon at 1 Hz", 100 * peer, unit="%")
    bench.figure(f"{span} s of sleep, {backend}", ours, unit="J")
    bench.figure("  CodeCarbon", other, unit="J")
    bench.close()


if __name__ == "__main__":
    main()
