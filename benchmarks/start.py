"""How long the app takes until it answers, beside a page that is empty, and what it loads and holds by then."""

import json
import statistics
import subprocess
import sys

from benchmarks.desks import Desk
from benchmarks.figures import Section, table
from benchmarks.pages import SCRIPTS
from benchmarks.progress import said
from benchmarks.serving import served
from lib.config import ROOT

COUNTED = "import json, sys; import {}; print(json.dumps(len(sys.modules)))"


def section(desk: Desk, *, repeats: int) -> Section:
    started: dict[str, list[tuple[float, float, float]]] = {"empty": [], "My queue": []}
    for number in range(repeats):
        for name, each in started.items():
            said(f"start of {name}, {number + 1} of {repeats}")
            with served(name, SCRIPTS[name], desk.port, desk.conninfo) as page:
                each.append((page.started, page.processor_seconds(), page.megabytes()))
    rows = [[name, *(statistics.median(column) for column in zip(*each, strict=True)), modules(module)]
            for (name, each), module in zip(started.items(), ("streamlit", "app"), strict=True)]
    return Section("Start", [table(
        ["process", "seconds until it answers", "processor seconds", "MB", "modules that are imported"], rows)],
        data=started)


def modules(name: str) -> int:
    said_of_them = subprocess.run([sys.executable, "-c", COUNTED.format(name)], cwd=ROOT, check=True,
                                  capture_output=True, text=True).stdout
    return json.loads(said_of_them.splitlines()[-1])
