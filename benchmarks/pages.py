"""The pages in a browser.

Beside My Queue stand an empty page and the floor page: the same shape, four numbers and fifty rows, of constants. Pages
take turns, each in a process of its own, and the ratios are those to the floor page in the same run.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import psycopg

from benchmarks import browsing
from benchmarks.serving import Served

SCRIPTS = {"empty": "benchmarks/empty_page.py", "floor": "benchmarks/floor_page.py", "My queue": "app.py"}
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
