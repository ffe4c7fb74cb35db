"""Many tabs at once on one process, over the websocket: how long a run takes, what it costs, sends and asks, and memory."""

import re
import statistics
from pathlib import Path

from benchmarks import pages, sessions, wire
from benchmarks.desks import Desk
from benchmarks.figures import Check, Section, p95, table
from benchmarks.pages import SCRIPTS
from benchmarks.progress import said
from benchmarks.serving import served
from benchmarks.sessions import Crowd

KINDS = (("floor", "the page", sessions.whole_page), ("My queue", "nothing changed", sessions.refresh),
         ("My queue", "as all day", sessions.day), ("My queue", "another list", sessions.other_list))
HEADER = ("tabs at once", "page", "a run", "runs", "ms", "p95", "processor ms", "kB", "MB before", "all there",
          "in the end", "failed")
STATEMENT = re.compile(r"LOG:  (?:statement|execute [^:]+): (?!BEGIN|COMMIT|ROLLBACK|SELECT 1\b|;|$)")
LOGGED = "&options=-c%20log_statement%3Dall"

Crowds = dict[tuple[int, str, str], Crowd]


def section(desk: Desk, *, sizes: tuple[tuple[int, float], ...], seconds: float) -> Section:
    """``sizes``: how many tabs, and how many seconds there are between two runs of each."""
    emails, _ = pages.people(desk.conninfo)
    found: Crowds = {}
    for many, think in sizes:
        for name, what, asks in KINDS:
            said(f"{many} tabs, {name}: {what}")
            # A fresh process each time, as memory that was used once is not given back.
            with served(name, SCRIPTS[name], desk.port, desk.conninfo) as page:
                found[many, name, what] = sessions.run(page, emails, asks, sessions=many, think=think, seconds=seconds)
    asked = statements_of_a_run(desk, emails[0])
    rows = [[many, name, what, len(crowd.reruns), statistics.median(crowd.reruns), p95(crowd.reruns),
             crowd.processor_ms, statistics.median(crowd.sizes) / 1000, *crowd.megabytes, crowd.failed]
            for (many, name, what), crowd in found.items()]
    return Section("Many tabs at once", [table(HEADER, rows, words=3), f"A run of My Queue sends {asked:.0f} statements."],
                   [*checks(found), Check("statements of a run of My Queue", asked, 4)],
                   {" | ".join(map(str, key)): crowd.reruns for key, crowd in found.items()})


def checks(found: Crowds) -> list[Check]:
    checks = []
    few, most = min(many for many, _, _ in found), max(many for many, _, _ in found)
    for (many, name, what), crowd in found.items():
        if name == "floor":
            continue
        floor = found[many, "floor", "the page"]
        if many == few:
            checks.append(Check(f"{many} tabs, {what}, median / floor page",
                                statistics.median(crowd.reruns) / statistics.median(floor.reruns), 1.25))
        checks.append(Check(f"{many} tabs, {what}, p95 / floor page", p95(crowd.reruns) / p95(floor.reruns),
                            1.25 if many == few else 1.0))
        if many == most and few < most:
            before = found[few, name, what]
            checks += [Check(f"memory for each tab more, {what}",
                             (crowd.megabytes[1] - before.megabytes[1]) / (most - few), 0.3, "MB"),
                       Check(f"memory of the process with {most} tabs, {what}", crowd.megabytes[2], 200, "MB")]
    return [*checks, Check("runs that failed", sum(crowd.failed for crowd in found.values()), 0)]


def statements_of_a_run(desk: Desk, email: str, runs: int = 9) -> float:
    """What the database is asked for a run in which nothing has changed: the median, since others write to its log too."""
    log, asked = desk.folder / "postgres.log", []
    with (served("My queue", SCRIPTS["My queue"], desk.port, desk.conninfo + LOGGED) as page,
          wire.opened(page.port, email) as tab):
        tab.run()
        for _ in range(runs):
            began = log.stat().st_size
            tab.run(tab.tab.fragment)
            asked.append(statements(log, began))
    return statistics.median(asked)


def statements(log: Path, began: int) -> int:
    with log.open("rb") as file:
        file.seek(began)
        return len(STATEMENT.findall(file.read().decode(errors="replace")))
