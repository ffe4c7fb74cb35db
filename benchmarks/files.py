"""An import and an export of many leads: the time of each step and the process's largest resident memory so far.

On an embedded database of its own, in a temporary folder, and in a process of its own: memory that was used once is not
given back.
"""

import csv
import io
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from benchmarks.figures import Section, table
from benchmarks.progress import said
from lib import columns, db, exports, imports, postgres, schema, spreadsheets, undo
from lib.config import ROOT, Settings
from lib.imports import Plan
from tests.factories import make_cast

HEADER = ("First name", "Last name", "Job title", "Company", "E-mail", "Phone", "LinkedIn", "Score", "Tags", "Notes")


def section(rows: int) -> Section:
    said(f"a file of {rows:,} leads")
    steps = json.loads(subprocess.run([sys.executable, "-m", "benchmarks.files", str(rows)], cwd=ROOT, check=True,
                                      stdout=subprocess.PIPE, text=True).stdout)
    told = table(["step", "seconds", "rows a second", "peak MB"],
                 [[name, seconds, rows / seconds, peak] for name, seconds, peak in steps])
    return Section(f"A file of {rows:,} leads", [told], data={name: seconds for name, seconds, _ in steps})


def measured(rows: int) -> list[tuple[str, float, float]]:
    """Each step with its seconds and the peak in megabytes."""
    folder = Path(tempfile.mkdtemp(prefix="lead-desk-files-"))
    try:
        engine = db.connect(postgres.ensure_running(folder), Settings.load({}))
        schema.upgrade(engine)
        db.use(engine)
        try:
            return _steps(rows)
        finally:
            db.use(None)
            engine.dispose()
    finally:
        postgres.release(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _steps(rows: int) -> list[tuple[str, float, float]]:
    steps: list[tuple[str, float, float]] = []

    def timed(name: str, work: Callable):
        began = time.perf_counter()
        given = work()
        steps.append((name, time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
        return given

    def kept(work: Callable) -> Callable:
        def run():
            with db.transaction() as session:
                return work(session)
        return run

    alice = kept(make_cast)().alice
    with tempfile.TemporaryFile() as file:
        _write(file, rows)
        found = timed("read the CSV", lambda: spreadsheets.read(file, "leads.csv"))
    plan = Plan(columns=columns.guess(found.header), source="import: leads.csv")
    timed("check", kept(lambda s: imports.check(s, alice, found, plan)))
    outcome, _ = timed("import", kept(lambda s: imports.run(s, alice, found, plan)))
    for kind in exports.Kind:
        timed(f"export as {kind}", kept(lambda s, k=kind: exports.write(s, alice, k)))
    timed("undo the import", kept(lambda s: undo.undo(s, alice, outcome.batch_id)))
    return steps


def _write(file: BinaryIO, rows: int) -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for number in range(rows):
        writer.writerow([f"Ada {number % 977}", f"King {number}", "Head of Sales", f"Firm {number % 5_000}",
                         f"ada{number}@firm{number % 5_000}.example", f"+49 30 {number:08d}",
                         f"https://www.linkedin.com/in/ada-king-{number}/", number % 100, "vip; trade fair",
                         "Met at the fair, wants a call back"])
    text.detach()


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)))
