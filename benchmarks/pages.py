"""Measures the pages in a browser, and many tabs at once without one: ``python -m benchmarks.pages``.

Beside My Queue stand an empty page and the floor page: the same shape, four numbers and fifty rows, of constants. Pages
take turns, each in a process of its own, and the ratios are those to the floor page in the same run.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psycopg

from benchmarks import browsing, load, sessions
from benchmarks.serving import Served, served
from lib import postgres

SCRIPTS = {"empty": "benchmarks/empty_page.py", "floor": "benchmarks/floor_page.py", "My queue": "app.py"}
# Sessions at once, seconds between two runs of each.
CROWDS = ((50, 10.0), (200, 20.0))
HEADING = "[data-testid=stHeading]"

Times = dict[str, list[float]]


def people(conninfo: str) -> tuple[list[str], str]:
    """The addresses of the large company's reps, the one with the median number of leads first; and a lead of theirs."""
    with psycopg.connect(conninfo) as connection:
        reps = connection.execute(
            "SELECT u.email, u.id FROM users u JOIN leads l ON l.assigned_to_user_id = u.id "
            "WHERE u.company_id = (SELECT id FROM companies WHERE name = 'Company 0') "
            "GROUP BY u.id ORDER BY count(*)").fetchall()
        median = reps.pop(len(reps) // 2)
        lead = connection.execute("SELECT id FROM leads WHERE assigned_to_user_id = %s ORDER BY id LIMIT 1",
                                  [median[1]]).fetchone()[0]
    return [median[0], *(email for email, _ in reps)], str(lead)


def in_a_browser(pages: dict[str, Served], email: str, lead: str, repeats: int) -> Iterator[tuple[str, Times]]:
    """The times of loads and clicks, as they come."""
    queue = pages["My queue"]
    rows, numbers = browsing.GRID, browsing.NUMBERS
    visits = {"empty": (pages["empty"].url, "[data-testid=stText]"), "floor": (pages["floor"].url, f"{numbers}, {rows}"),
              "My queue": (queue.url, f"{numbers}, {rows}"), "All leads": (f"{queue.url}/leads", rows),
              "a lead": (f"{queue.url}/lead?id={lead}", HEADING)}
    cold: Times = {name: [] for name in visits}
    warm: Times = {name: [] for name in visits}
    with browsing.browser() as browser:
        for repeat in range(repeats + 1):
            for name, (address, shown) in visits.items():
                first, again = browsing.loads(browser, email, address, shown)
                # The first visitor of a process waits for what it imports then.
                if repeat:
                    cold[name].append(first)
                    warm[name].append(again)
        yield "load, empty cache", cold
        yield "load, warm cache", warm
        yield "from a click to its effect", _clicks(browser, pages, email, repeats * 2)


def _clicks(browser: browsing.Browser, pages: dict[str, Served], email: str, repeats: int) -> Times:
    with ExitStack() as contexts:
        def tab() -> browsing.Page:
            # A tab in the back is drawn late.
            context = browsing.visitor(browser, email)
            contexts.callback(context.close)
            return context.new_page()

        empty = tab()
        browsing.load(empty, pages["empty"].url, "[data-testid=stText]")
        floor = browsing.Floor(tab(), pages["floor"])
        queue = browsing.Queue(tab(), pages["My queue"])
        acts = {"empty: button": partial(browsing.click, empty), "floor: button": floor.click,
                "floor: a status": floor.edit, "My queue: another list": queue.filter, "My queue: a status": queue.edit}
        times = _in_turns(acts, repeats)
        if queue.place % 2:
            queue.filter()
        return times | _in_turns({"My queue: a contact": queue.log}, min(repeats, 10))


def _in_turns(acts: dict[str, Callable[[], float]], repeats: int) -> Times:
    times: Times = {name: [] for name in acts}
    for repeat in range(repeats + 1):
        for name, act in acts.items():
            took = act()
            if repeat:
                times[name].append(took)
    return times


def at_once(conninfo: str, port: int, emails: Sequence[str], rounds: int, seconds: float) -> Iterator[str]:
    kinds = (("floor", SCRIPTS["floor"], "the page", sessions.whole_page),
             ("My queue", SCRIPTS["My queue"], "refreshed, nothing changed", sessions.refresh),
             ("My queue", SCRIPTS["My queue"], "another list", sessions.other_list))
    for many, think in CROWDS:
        runs: dict[tuple[str, str], list[sessions.Crowd]] = {}
        for _ in range(rounds):
            for name, script, what, asks in kinds:
                # A fresh process each time, as memory that was used once is not given back.
                with served(name, script, port, conninfo) as page:
                    crowd = sessions.run(page, emails, asks, sessions=many, think=think, seconds=seconds)
                runs.setdefault((name, what), []).append(crowd)
        for (name, what), crowds in runs.items():
            yield _crowd(f"{many} tabs, every {think:.0f} s | {name}: {what}", crowds)


def _crowd(name: str, crowds: Sequence[sessions.Crowd]) -> str:
    reruns = [took for crowd in crowds for took in crowd.reruns]
    before, there, end = (statistics.median(each) for each in zip(*(crowd.megabytes for crowd in crowds), strict=True))
    size = statistics.median(size for crowd in crowds for size in crowd.sizes)
    processor = statistics.median(crowd.processor_ms for crowd in crowds)
    return (f"| {name} | {len(reruns)} | {statistics.median(reruns):.0f} | {p95(reruns):.0f} | {processor:.0f} | "
            f"{size / 1000:.1f} | {before:.0f} / {there:.0f} / {end:.0f} | {sum(crowd.failed for crowd in crowds)} |")


def p95(times: Sequence[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[-1]


def run(conninfo: str, port: int, repeats: int, rounds: int, seconds: float, only: str) -> None:
    emails, lead = people(conninfo)
    if only in ("", "browser"):
        with ExitStack() as processes:
            pages = {name: processes.enter_context(served(name, script, port + place, conninfo))
                     for place, (name, script) in enumerate(SCRIPTS.items())}
            print("Seconds until it answers: " + ", ".join(f"{page.name} {page.started:.2f}" for page in pages.values()))
            for title, times in in_a_browser(pages, emails[0], lead, repeats):
                print(f"\n| {title} | ms | p95 | spread | to the floor page |\n| --- | ---: | ---: | ---: | ---: |")
                floor = statistics.median(next(each for name, each in times.items() if name.startswith("floor")))
                for name, each in times.items():
                    median = statistics.median(each)
                    print(f"| {name} | {median:.0f} | {p95(each):.0f} | {min(each):.0f}–{max(each):.0f} | "
                          f"{median / floor:.2f} |", flush=True)
    if only in ("", "sessions"):
        print("\n| at once | page | reruns | ms | p95 | processor ms | kB | MB before / there / end | errors |\n"
              "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        for line in at_once(conninfo, port, emails, rounds, seconds):
            print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="100,000 leads and fewer repeats")
    parser.add_argument("--folder", type=Path, help=f"where the server's data lie (default: {load.FOLDER.name})")
    parser.add_argument("--port", type=int, default=8590, help="the first of three")
    parser.add_argument("--only", choices=("", "browser", "sessions"), default="")
    chosen = parser.parse_args()
    total, repeats, rounds, seconds = (100_000, 3, 1, 20.0) if chosen.quick else (1_000_000, 8, 2, 40.0)
    folder = chosen.folder or load.FOLDER.with_name("benchmark-quick" if chosen.quick else load.FOLDER.name)
    try:
        run(load.ensure(folder, total), chosen.port, repeats, rounds, seconds, chosen.only)
    finally:
        postgres.release(folder)


if __name__ == "__main__":
    main()
