"""Measures an import and an export of many leads: ``python -m benchmarks.files [rows]``.

Time of each step and the process's largest resident memory, on an embedded database in a temporary folder.
"""

import csv
import io
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lib import columns, db, exports, imports, postgres, schema, spreadsheets, undo
from lib.config import Settings
from lib.imports import Plan
from tests.factories import make_cast

HEADER = ("First name", "Last name", "Job title", "Company", "E-mail", "Phone", "LinkedIn", "Score", "Tags", "Notes")


def main(rows: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="lead-desk-files-"))
    try:
        engine = db.connect(postgres.ensure_running(folder), Settings.load({}))
        schema.upgrade(engine)
        db.use(engine)
        _measure(rows)
        engine.dispose()
    finally:
        postgres.release(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _measure(rows: int) -> None:
    with db.transaction() as session:
        alice = make_cast(session).alice
    with tempfile.TemporaryFile() as file:
        _write(file, rows)
        with timed("read"):
            table = spreadsheets.read(file, "leads.csv")
    plan = Plan(columns=columns.guess(table.header), source="import: leads.csv")
    with timed("check"), db.transaction() as session:
        imports.check(session, alice, table, plan)
    with timed("import"), db.transaction() as session:
        outcome, _ = imports.run(session, alice, table, plan)
    for kind in exports.Kind:
        with timed(f"export {kind}"), db.transaction() as session:
            exports.write(session, alice, kind)
    with timed("undo"), db.transaction() as session:
        undo.undo(session, alice, outcome.batch_id)


def _write(file, rows: int) -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for number in range(rows):
        writer.writerow([f"Ada {number % 977}", f"King {number}", "Head of Sales", f"Firm {number % 5_000}",
                         f"ada{number}@firm{number % 5_000}.example", f"+49 30 {number:08d}",
                         f"https://www.linkedin.com/in/ada-king-{number}/", number % 100, "vip; trade fair",
                         "Met at the fair, wants a call back"])
    text.detach()


@contextmanager
def timed(name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:<12} {time.perf_counter() - start:7.2f} s   {peak:5.0f} MB", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
