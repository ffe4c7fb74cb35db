"""My Queue on few leads and on many, in a browser and in memory. The rep with the most leads is looking: of few leads, the
others have lists with nothing in them."""

import statistics
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial

from benchmarks import browsing, pages, sessions
from benchmarks.desks import Desk
from benchmarks.figures import Check, Section, p95, ratio_of_medians, table
from benchmarks.operations import in_turns
from benchmarks.progress import said
from benchmarks.serving import served

TABS, RUNS_EVERY, SECONDS = 20, 2.0, 10.0

Times = dict[int, list[float]]


def section(small: Desk, large: Desk, *, repeats: int) -> Section:
    desks = (small, large)
    times: dict[str, Times] = {}
    with ExitStack() as open_:
        browser = open_.enter_context(browsing.browser())
        queues, emails, apps = {}, {}, {}
        for place, desk in enumerate(desks):
            apps[desk] = open_.enter_context(served("My queue", "app.py", desk.port + place, desk.conninfo))
            emails[desk] = pages.people(desk.conninfo)[0]
        shown = f"{browsing.NUMBERS}, {browsing.GRID}"
        said(f"loads, {small.leads:,} and {large.leads:,} leads")
        cold, warm = _loads({desk.leads: partial(browsing.loads, browser, emails[desk][-1], apps[desk].url, shown)
                             for desk in desks}, repeats)
        times |= {"load, empty cache": cold, "load, warm cache": warm}
        for desk in desks:
            context = browsing.visitor(browser, emails[desk][-1])
            open_.callback(context.close)
            queues[desk] = browsing.Queue(context.new_page(), apps[desk])
        for title, act in (("another list", "filter"), ("a status", "edit")):
            said(f"{title}, {small.leads:,} and {large.leads:,} leads")
            times[title] = in_turns({desk.leads: getattr(queues[desk], act) for desk in desks}, repeats * 2, warm_up=1)
    memory = {desk.leads: _megabytes(desk, emails[desk]) for desk in desks}
    return _section(times, memory, small.leads, large.leads)


def _loads(acts: Mapping[int, Callable[[], tuple[float, float]]], repeats: int) -> tuple[Times, Times]:
    """Each with an empty cache and then with a full one, in turns; the first of all is not counted."""
    both = [{leads: act() for leads, act in acts.items()} for _ in range(repeats + 1)][1:]
    cold, warm = ({leads: [each[leads][place] for each in both] for leads in acts} for place in (0, 1))
    return cold, warm


def _megabytes(desk: Desk, emails: list[str]) -> float:
    """Of a process of its own in which some tabs had the page, each with its lists."""
    said(f"memory with {desk.leads:,} leads")
    with served("My queue", "app.py", desk.port, desk.conninfo) as app:
        return sessions.run(app, emails, sessions.other_list, sessions=TABS, think=RUNS_EVERY,
                            seconds=SECONDS).megabytes[2]


def _section(times: dict[str, Times], memory: dict[int, float], small: int, large: int) -> Section:
    rows = [[title, *(f"{statistics.median(each[leads]):.0f} / {p95(each[leads]):.0f}" for leads in (small, large)),
             ratio_of_medians(each[large], each[small])] for title, each in times.items()]
    rows.append([f"memory of the process with {TABS} tabs, MB", memory[small], memory[large],
                 memory[large] / memory[small]])
    sizes = f"{large:,} / {small:,} leads"
    return Section(
        "My queue, growing", [table(["My queue, ms: median / p95", f"{small:,} leads", f"{large:,} leads", "ratio"], rows)],
        [*(Check(f"My queue, {title}: {sizes}", ratio_of_medians(each[large], each[small]), 1.1)
           for title, each in times.items()),
         Check(f"memory of the process: {sizes}", memory[large] / memory[small], 1.05)],
        {title: {str(leads): every for leads, every in each.items()} for title, each in times.items()})
