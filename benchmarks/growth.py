"""The same work on 10,000 leads, on 100,000 and on 1,000,000, in turns: what grows with the data, and what does not."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

import psycopg

from benchmarks import counting, growth_pages, reading, writing
from benchmarks.desks import Desk, Setting, at_work
from benchmarks.figures import Check, Section, growth, p95, ratio_of_medians, table
from benchmarks.operations import Operation, in_turns
from benchmarks.progress import said
from lib import counts, db

SIZES, LARGE = (10_000, 100_000, 1_000_000), 10_000_000
# What the aim is about: the numbers, a list, an edit, a contact, and everybody's desk.
FLAT = {"numbers, largest rep", "numbers, median rep", "page mine", "page mine, median rep", "edit a status",
        "log_contact 1", "workload"}
SEARCHES = ("search, rare", "search, another surname each time", "search, none")


def operations(setting: Setting) -> Iterator[Operation]:
    wanted = FLAT | {*SEARCHES, "page 1 of the company's", "page 100 by cursor"}
    for made in (reading.numbers(setting), reading.views_of(setting), reading.pages_of_all(setting),
                 reading.searches(setting), [writing.edit(setting), writing.log_contact(setting, 1),
                                             counting.desks(setting)]):
        yield from (operation for operation in made if operation.name in wanted)


def section(desks: Sequence[Desk], *, repeats: int, in_a_browser: bool) -> Section:
    """``desks`` from the smallest to the largest, which two are also looked at in a browser."""
    times: dict[str, dict[int, list[float]]] = {}
    with ExitStack() as settings:
        by_name: dict[str, dict[int, tuple[Desk, Operation]]] = {}
        for desk in desks:
            _tidy(desk)
            for operation in operations(settings.enter_context(at_work(desk))):
                by_name.setdefault(operation.name, {})[desk.leads] = desk, operation
        for name, sizes in by_name.items():
            said(name)
            times[name] = in_turns({leads: lambda d=desk, o=operation: _take(d, o)
                                    for leads, (desk, operation) in sizes.items()}, repeats)
    found = Section("Growth", [told(times)], checks(times), {
        name: {str(leads): each for leads, each in sizes.items()} for name, sizes in times.items()})
    if in_a_browser:
        seen = growth_pages.section(desks[0], desks[-1], repeats=max(repeats // 10, 3))
        found.text += seen.text
        found.checks += seen.checks
        found.data |= seen.data
    return found


def _tidy(desk: Desk) -> None:
    """What the running app and autovacuum do sooner or later: another part may just have changed thousands of leads."""
    desk.use()
    with db.transaction() as session:
        counts.fold(session)
    with psycopg.connect(desk.conninfo, autocommit=True) as connection:
        counted = ", ".join(table.name for table in counts.TABLES)
        connection.execute(f"VACUUM (INDEX_CLEANUP OFF) leads, contact_attempts, {counted}")


def _take(desk: Desk, operation: Operation) -> float:
    desk.use()
    return operation.take()


def told(times: Mapping[str, Mapping[int, list[float]]]) -> str:
    sizes = sorted({leads for each in times.values() for leads in each})
    header = ["ms, median / p95", *(f"{leads:,} leads" for leads in sizes), f"{sizes[-1]:,} / {sizes[0]:,}"]
    return table(header, [
        [name, *(f"{statistics.median(each[leads]):.2f} / {p95(each[leads]):.2f}" if leads in each else "–"
                 for leads in sizes),
         growth({leads: statistics.median(every) for leads, every in each.items()})] for name, each in times.items()])


def checks(times: Mapping[str, Mapping[int, list[float]]]) -> list[Check]:
    found = []
    for name in (name for name in times if name in FLAT):
        medians = {leads: statistics.median(each) for leads, each in times[name].items()}
        largest = max(medians)
        found += [Check(f"{name}: {largest:,} / {min(medians):,} leads", growth(medians), 6),
                  Check(f"{name} at {largest:,} leads", medians[largest], 5, "ms")]
    surname = times.get(SEARCHES[1], {})
    if surname:
        largest = max(surname)
        found += [Check(f"search of surnames at {largest:,} leads, median", statistics.median(surname[largest]), 80, "ms"),
                  Check(f"search of surnames at {largest:,} leads, p95", p95(surname[largest]), 500, "ms")]
    first, late = times.get("page 1 of the company's"), times.get("page 100 by cursor")
    if first and late:
        largest = max(late)
        found.append(Check(f"page 100 of the company's list / page 1, at {largest:,} leads",
                           ratio_of_medians(late[largest], first[largest]), 2))
    return found
