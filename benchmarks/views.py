"""Every page in a headless Chromium beside an empty page and the floor page: loads, and clicks until their effect."""

import statistics
from contextlib import ExitStack

from benchmarks import pages
from benchmarks.desks import Desk
from benchmarks.figures import Check, Section, p95, ratio_of_medians, table
from benchmarks.pages import SCRIPTS, Times
from benchmarks.progress import said
from benchmarks.serving import served

LOAD, CLICKS = "load, empty cache", "from a click to its effect"


def section(desk: Desk, *, repeats: int) -> Section:
    emails, lead = pages.people(desk.conninfo)
    found: dict[str, Times] = {}
    with ExitStack() as processes:
        served_pages = {name: processes.enter_context(served(name, script, desk.port + place, desk.conninfo))
                        for place, (name, script) in enumerate(SCRIPTS.items())}
        said("pages in a browser")
        for title, times in pages.in_a_browser(served_pages, emails[0], lead, repeats):
            said(title)
            found[title] = times
    return Section("Pages", [told(title, times) for title, times in found.items()], checks(found), dict(found))


def told(title: str, times: Times) -> str:
    floor = next(each for name, each in times.items() if name.startswith("floor"))
    return table([f"{title}, ms", "median", "p95", "least", "most", "to the floor page"], [
        [name, statistics.median(each), p95(each), min(each), max(each), ratio_of_medians(each, floor)]
        for name, each in times.items()])


def checks(found: dict[str, Times]) -> list[Check]:
    load, clicks = found.get(LOAD, {}), found.get(CLICKS, {})

    def ratio(of: Times, name: str, floor: str) -> float | None:
        return ratio_of_medians(of[name], of[floor]) if name in of and floor in of else None

    # An edit of a cell waits in the browser for more to be edited, on the floor page as well.
    return [Check("My queue's load with an empty cache / floor page", ratio(load, "My queue", "floor"), 1.15),
            Check("a status until it says saved / the like on the floor page",
                  ratio(clicks, "My queue: a status", "floor: a status"), 1.25),
            Check("a contact until a number has changed / a click on the floor page",
                  ratio(clicks, "My queue: a contact", "floor: button"), 1.25)]
