"""Every data-access function beside the same work as one hand-written statement.

Both run in the same minute, in turns, on the same rows or on rows alike, each in a transaction of its own that is
committed. A ratio of 1.5, plus 0.2 ms, is the aim, at the median and at p95.
"""

import inspect
import pkgutil
import statistics
from collections.abc import Iterator, Sequence
from importlib import import_module

import psycopg

import lib
from benchmarks import counting, reading, writing
from benchmarks.desks import Desk, Setting, at_work
from benchmarks.figures import Check, Result, Section, p95, ratio_of_medians, share, table
from benchmarks.operations import OPTIONS, Operation, measure
from benchmarks.progress import said

HEADER = ("operation", "ms", "p95", "floor ms", "p95", "ratio", "of p95", "cold ms", "floor", "")
SEARCH_MS = 15

# Why nothing is measured of a public function; what is not named here, and not measured, makes a test fail.
LEFT_OUT = {
    "part of another that is measured": (
        "leads.lock", "addresses.hold", "leads.refuse_known", "leads.refusing_known", "addresses.sought",
        "history.record", "history.batch",
        "history.concerned", "contacts.insert_contacts", "contacts.check_maker", "users.check_can_own",
        "users.checking_can_own", "users.find", "firms.hold", "firms.made", "addresses.known_by_address",
        "bulk.change_each", "once.once", "once.was_used", "contact_changes.take_back", "contact_changes.put_back",
        "contact_changes.edit_back", "assignment.take_turns", "assignment.note_turns", "assignment.turns",
        "tags.note_undone", "settings_log.record", "settings_log.change", "leads.assign_each", "new_leads.create_once",
        "deliveries.deliver", "contacts.find"),
    "once in a while, and of many transactions or chunks": (
        "hand_outs.from_pool", "hand_outs.from_owner", "hand_outs.evened_out", "leavers.hand_over", "leavers.leave",
        "leavers.come_back", "assignment.carry_out", "assignment.auto_assign", "attribution.recompute", "tags.rename",
        "tags.remove", "bulk.explain", "contact_changes.edit_contact", "contact_changes.remove_contact"),
    "files: measured as import and export": ("imports.check", "imports.run", "exports.write"),
    "one statement that no other by hand would differ from": ("funnel.stages", "lists.vocabulary"),
    "settings: a few rows, now and then": (
        "staffing.taking", "staffing.set_taking", "staffing.set_auto_assign", "settings_log.page", "team.everybody",
        "team.change", "team.invite", "team.add_service_user", "team.own_time_zone", "team.set_own_time_zone",
        "team.sign_out_everywhere", "team.is_erased", "team.check_manager_remains", "users.sign_out_everywhere",
        "company.settings", "company.change", "tokens.create", "tokens.revoke", "tokens.revoke_all",
        "tokens.of_company"),
}
# Of the data access in name only: they draw, answer the API, or run on their own.
ELSEWHERE = ("ui", "api", "shell", "startup", "admin", "sample")


def operations(setting: Setting) -> Iterator[Operation]:
    yield from reading.operations(setting)
    yield from counting.operations(setting)
    yield from writing.operations(setting)


def section(desk: Desk, *, repeats: int, only: str = "") -> Section:
    """Of the operations whose name contains ``only``."""
    results, functions = [], set()
    with at_work(desk) as setting, psycopg.connect(desk.conninfo, autocommit=True, options=OPTIONS) as connection:
        for operation in operations(setting):
            functions.add(operation.function)
            if only in operation.name:
                said(operation.name)
                results.append(measure(operation, desk.conninfo, connection, repeats))
    return Section(
        "Functions of the data access", [told(results), "" if only else unmeasured(functions)], checks(results),
        {each.name: {"call": each.call, "floor": each.floor, "cold_call": each.cold_call,
                     "cold_floor": each.cold_floor} for each in results})


def told(results: Sequence[Result]) -> str:
    return table(HEADER, [_cells(each) for each in results])


def _cells(each: Result) -> list[str | float]:
    over = {(True, True): "", (True, False): "p95 over", (False, True): "over", (False, False): "over"}
    cold = [statistics.median(times) for times in (each.cold_call, each.cold_floor)] if each.cold_call else ["–", "–"]
    return [each.name, *_both(each.call), *_both(each.floor), each.ratio, each.ratio_of_p95, *cold,
            over[each.at_aim, each.p95_at_aim]]


def _both(times: Sequence[float]) -> tuple[float, float]:
    return statistics.median(times), p95(times)


def unmeasured(measured: set[str]) -> str:
    """Which functions are not in the table, and why."""
    lines = [f"- {why}: {', '.join(sorted(set(names) - measured))}" for why, names in LEFT_OUT.items()]
    every = public()
    return "\n".join([f"{len(measured & every)} of the {len(every)} functions that take a session and an actor are measured. "
                      "The others:", "", *lines])


def public() -> set[str]:
    """Every public function of the data access that takes a session and an actor."""
    modules = [import_module(f"lib.{each.name}") for each in pkgutil.iter_modules(lib.__path__)
               if each.name not in ELSEWHERE]
    return {f"{module.__name__.removeprefix('lib.')}.{name}" for module in modules
            for name, function in inspect.getmembers(module, inspect.isfunction)
            if function.__module__ == module.__name__ and not name.startswith("_")
            and list(inspect.signature(function).parameters)[:2] == ["session", "actor"]}


def checks(results: Sequence[Result]) -> list[Check]:
    by_name = {each.name: each for each in results}
    found = [Check("functions at 1.5 × their floor + 0.2 ms, at the median / of 1", share(each.at_aim for each in results),
                   1, at_least=True),
             Check("functions at 1.5 × their floor + 0.2 ms, at p95 / of 1", share(each.p95_at_aim for each in results), 1,
                   at_least=True)]
    first, late = by_name.get("page 1 of the company's"), by_name.get("page 100 by cursor")
    found.append(Check("page 100 of the company's list / page 1",
                       ratio_of_medians(late.call, first.call) if first and late else None, 2))
    surname = by_name.get("search, fragment of a surname")
    found.append(Check("search of a surname's fragment, median", statistics.median(surname.call) if surname else None,
                       SEARCH_MS, "ms"))
    return found
