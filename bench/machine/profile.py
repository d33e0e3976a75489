#!/usr/bin/env python3
"""Where a stock kernel's run spends its time: a sampled profile of Gnomon for each part of parts.sh, by kinds of code.

    bench/machine/profile.py [686|686-pae]

Needs Linux's perf and a built Gnomon (./build build). Only shares mean something: a profiled run is slower, and the host may be busy.
"""
import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The first that fits the class of the sampled method (or, for code that is not C#, its file) counts.
KINDS = [
    ("instructions", r"^Gnomon\.Cpu\.(Instructions|X87)|^Gnomon\.Cpu\.Processor$"),
    ("blocks: find, decode, link", r"^Gnomon\.Cpu\.Execution"),
    ("addresses: TLB, page walks", r"^Gnomon\.Cpu\.Memory|^Gnomon\.Paging"),
    ("events and exits of the processor", r"^Gnomon\.Cpu"),
    ("shadow tables", r"^Gnomon\.Shadow|^Gnomon\.Memory"),
    ("monitor and devices", r"^Gnomon"),
    ("the runtime's compiler", r"libclrjit"),
    ("the runtime: loader, collector, class library", r"libcoreclr|libhost|^System|^Microsoft|libSystem|\.dll|perf-|memfd|stub"),
    ("the host's kernel and C library", r""),
]


def record(kernel, data):
    """Runs the workload under perf; gives when each part began, in perf's time."""
    program = ROOT / "src/Gnomon.Cli/bin/Release/net10.0/gnomon.dll"
    environment = dict(os.environ, DOTNET_PerfMapEnabled="1", DOTNET_EnableWriteXorExecute="0")
    command = ["perf", "record", "--clockid", "CLOCK_MONOTONIC", "--freq", "997", "--output", data,
               "dotnet", program, "linux", kernel, "--script", ROOT / "bench/machine/parts.sh", "--clock", "real"]
    marks = [("to the first program", time.monotonic())]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace") as run:
        for line in run.stdout:
            if line.startswith("begin "):
                marks.append((line.split()[1], time.monotonic()))
            elif line.startswith("end "):
                marks.append((None, time.monotonic()))
    if run.returncode != 0:
        sys.exit(f"gnomon or perf ended with {run.returncode}: run ./gnomon linux {kernel} to see why")
    return marks + [(None, time.monotonic())]


def samples(data):
    script = subprocess.run(["perf", "script", "--input", data, "--fields", "time,sym,dso,ip"], capture_output=True, text=True, check=True).stdout
    for line in script.splitlines():
        if match := re.match(r"\s*([0-9.]+):\s+[0-9a-f]+ (.*)", line):
            yield float(match[1]), match[2]


def kind_of(text):
    method = re.search(r"([\w.`]+)(?:/[\w`]+)*(?:\[[^\]]*\])?::", text)
    place = method[1] if method else text[text.rfind("("):]
    return next(name for name, pattern in KINDS if re.search(pattern, place))


def main():
    kernel = sys.argv[1] if len(sys.argv) > 1 else "686-pae"
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "perf.data")
        marks = record(kernel, data)
        counts = collections.defaultdict(collections.Counter)
        for when, text in samples(data):
            part = next((name for name, begin in reversed(marks) if begin <= when), None)
            if part:
                counts[part][kind_of(text)] += 1

    parts = [name for name, _ in marks if name]
    print(f"Where {kernel} spends its processor time, in percent of each part\n")
    print("| | " + " | ".join(parts) + " |")
    print("|---|" + "---|" * len(parts))
    for kind, _ in KINDS:
        print(f"| {kind} | " + " | ".join(f"{100 * counts[part][kind] / max(1, counts[part].total()):.0f}" for part in parts) + " |")
    print("| samples | " + " | ".join(str(counts[part].total()) for part in parts) + " |")


main()
