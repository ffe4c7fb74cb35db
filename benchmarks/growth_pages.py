"""My Queue on few leads and on many, in a browser and in memory."""

import statistics
from contextlib import ExitStack

from benchmarks import browsing, pages, sessions
from benchmarks.desks import Desk
from benchmarks.figures import Check, Section, p95, ratio_of_medians, table
from benchmarks.operations import in_turns
from benchmarks.progress import said
from benchmarks.serving import served

TABS, RUNS_EVERY, SECONDS = 20, 2.0, 10.0


def section(small: Desk, large: Desk, *, repeats: int) -> Section:
    desks = (small, large)
    times: dict[str, dict[int, list[float]]] = {}
    with ExitStack() as open_:
        browser = open_.enter_context(browsing.browser())
        queues, emails, apps = {}, {}, {}
        for place, desk in enumerate(desks):
            apps[desk] = open_.enter_context(served("My queue", "app.py", desk.port + place, desk.conninfo))
            emails[desk] = pages.people(desk.conninfo)[0]
        shown = f"{browsing.NUMBERS}, {browsing.GRID}"
        for warm, title in enumerate(("load, empty cache", "load, warm cache")):
            said(f"{title}, {small.leads:,} and {large.leads:,} leads")
            times[title] = in_turns({desk.leads: lambda d=desk, w=warm: browsing.loads(
                browser, emails[d][0], apps[d].url, shown)[w] for desk in desks}, repeats, warm_up=1)
        for desk in desks:
            context = browsing.visitor(browser, emails[desk][0])
            open_.callback(context.close)
            queues[desk] = browsing.Queue(context.new_page(), apps[desk])
        for title, act in (("another list", "filter"), ("a status", "edit")):
            said(f"{title}, {small.leads:,} and {large.leads:,} leads")
            times[title] = in_turns({desk.leads: getattr(queues[desk], act) for desk in desks}, repeats * 2, warm_up=1)
    memory = {desk.leads: _megabytes(desk, emails[desk]) for desk in desks}
    return _section(times, memory, small.leads, large.leads)


def _megabytes(desk: Desk, emails: list[str]) -> float:
    """Of a process of its own in which some tabs had the page, each with its lists."""
    said(f"memory with {desk.leads:,} leads")
    with served("My queue", "app.py", desk.port, desk.conninfo) as app:
        return sessions.run(app, emails, sessions.other_list, sessions=TABS, think=RUNS_EVERY,
                            seconds=SECONDS).megabytes[2]


def _section(times: dict[str, dict[int, list[float]]], memory: dict[int, float], small: int, large: int) -> Section:
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
