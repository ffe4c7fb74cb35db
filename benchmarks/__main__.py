"""Measures every data-access function beside the same work as one hand-written statement: ``python -m benchmarks``.

Both run in the same minute, in turns, on the same rows or on rows alike, each in a transaction of its own that is
committed. A ratio of 1.5 at the median, plus 0.2 ms, is the aim; the absolute times belong to the machine.
"""

import argparse
import hashlib
import json
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, cycle
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from benchmarks import floors, load
from benchmarks.load import NOW
from lib import contacts, db, deliveries, history, leads, lists, postgres, undo, users, views
from lib.auth import Actor
from lib.config import Settings
from lib.filters import LeadFilter
from lib.leads import ANYTHING, Edit

AIM, SLACK_MS = 1.5, 0.2
WARM_UP = 8  # psycopg prepares a statement at its sixth execution.
SLOW_MS = 50
QUIET = NOW - timedelta(days=views.QUIET_DAYS)


@dataclass(frozen=True)
class Operation:
    """``call`` gets a session and what ``arrange`` made for it; so does ``floor``, with a connection of psycopg.

    ``arrange`` works outside the measured time, once for each side of each repeat.
    """

    name: str
    call: Callable[[Session, Any], Any]
    floor: Callable[[psycopg.Connection, Any], Any]
    arrange: Callable[[], Any] = lambda: None


@dataclass(frozen=True)
class Result:
    name: str
    call: list[float]
    floor: list[float]

    @property
    def ratio(self) -> float:
        return statistics.median(self.call) / statistics.median(self.floor)

    @property
    def at_aim(self) -> bool:
        return statistics.median(self.call) <= AIM * statistics.median(self.floor) + SLACK_MS

    def __str__(self) -> str:
        figures = [statistics.median(self.call), _p95(self.call), statistics.median(self.floor), _p95(self.floor)]
        return f"| {self.name} | " + " | ".join(f"{each:.2f}" for each in figures) + \
            f" | {self.ratio:.2f} | {_p95(self.call) / _p95(self.floor):.2f} | {'' if self.at_aim else 'over'} |"


HEADER = ("| operation | ms | p95 | floor ms | p95 | ratio | ratio of p95 | |\n"
          "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |")


def measure(operation: Operation, connection: psycopg.Connection, repeats: int) -> Result:
    call, floor = [], []
    for repeat in range(WARM_UP + repeats):
        pair = [(_call, call, None), (_floor, floor, connection)]
        for run, times, bound in pair if repeat % 2 else reversed(pair):
            arranged = operation.arrange()
            began = time.perf_counter()
            run(operation, arranged, bound)
            times.append((time.perf_counter() - began) * 1000)
        if repeat == WARM_UP and max(call[-1], floor[-1]) > SLOW_MS:
            # A slow one needs fewer repeats to tell, and nobody's patience.
            repeats = max(repeats // 10, 5)
        if repeat >= WARM_UP + repeats:
            break
    return Result(operation.name, call[WARM_UP:], floor[WARM_UP:])


def _call(operation: Operation, arranged: Any, _: None) -> None:
    with db.transaction() as session:
        operation.call(session, arranged)


def _floor(operation: Operation, arranged: Any, connection: psycopg.Connection) -> None:
    with connection.transaction():
        operation.floor(connection, arranged)


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[-1]


class Setting:
    """The large company: its largest rep, its median rep and its manager, and leads to work on, each given out once."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.company = self._one("SELECT id FROM companies WHERE name = 'Company 0'")
        by_size = [user for user, in connection.execute(
            "SELECT assigned_to_user_id FROM leads WHERE company_id = %s AND assigned_to_user_id IS NOT NULL "
            "GROUP BY 1 ORDER BY count(*) DESC", [self.company])]
        manager = self._one("SELECT id FROM users WHERE company_id = %s AND role = 'manager'", self.company)
        with db.transaction() as session:
            self.rep, self.median, self.manager = (
                users.sign_in(session, user)[0] for user in (by_size[0], by_size[len(by_size) // 2], manager))
        self.numbers = count()
        # A change needs a lead that has not been changed before, a contact can be logged with any one again.
        mine = self._leads("assigned_to_user_id = %s AND status <> 'qualified'", self.rep.user_id)
        self.fresh, self.again = iter(mine[:1000]), cycle(mine[1000:])
        self.theirs = iter(self._leads("assigned_to_user_id NOT IN (%s, %s)", self.rep.user_id, self.median.user_id))
        self.new = iter(self._leads("assigned_to_user_id IS NULL AND status = 'new'"))

    def _leads(self, condition: str, *values: Any) -> list[tuple[uuid.UUID, str]]:
        """Leads and their statuses by id, which is no order at all: as scattered as the leads of a real day."""
        return self.connection.execute(
            f"SELECT id, status FROM leads WHERE company_id = %s AND {condition} ORDER BY id",
            [self.company, *values]).fetchall()

    def _one(self, statement: str, *values: Any) -> Any:
        return self.connection.execute(statement, values).fetchone()[0]

    def values(self, actor: Actor, **more: Any) -> dict[str, Any]:
        return {"company": actor.company_id, "me": actor.user_id, "now": NOW, "quiet": QUIET,
                "due": views.follow_ups_before(actor, NOW), "leads_team": actor.role != "rep", "batch": uuid.uuid4(),
                **more}

    # ---------------------------------------------------------------- reading

    def reads(self) -> Iterator[Operation]:
        rep = self.rep
        for actor, whose in ((rep, "largest rep"), (self.median, "median rep")):
            yield Operation(f"numbers, {whose}", lambda s, _, a=actor: lists.numbers(s, a, now=self.later()),
                            self.sql(floors.NUMBERS, self.values(actor)))
        for key, view in views.VIEWS.items():
            yield self.page(f"page {key}", rep, lambda v=view: v.filter(rep, self.later()), *floors.VIEWS[key],
                            name=view.order)
        yield self.page("page mine, median rep", self.median,
                        lambda: views.VIEWS["mine"].filter(self.median, self.later()), *floors.VIEWS["mine"])
        yield from self.page_100()
        yield from self.all_leads()
        yield from self.searches()
        yield from self.lookups()

    def later(self) -> datetime:
        """The clock goes on between two calls, as it does for a page: a list that depends on it is never the same."""
        return NOW + timedelta(microseconds=next(self.numbers))

    def page(self, label: str, actor: Actor, wanted: Callable[[], LeadFilter], condition: str, order: str, *,
             name: str = "waiting", prepare: bool = True, limit_of_count: int = lists.COUNT_LIMIT,
             **values: Any) -> Operation:
        def call(session: Session, _: Any) -> None:
            connection = session.connection().connection.driver_connection
            usual, connection.prepare_threshold = connection.prepare_threshold, 5 if prepare else None
            lists.page(session, actor, wanted(), order=name)
            connection.prepare_threshold = usual

        return Operation(label, call, self.sql(floors.page(condition, order, limit_of_count=limit_of_count), self.values(actor, **values),
                                               prepare=prepare))

    def page_100(self) -> Iterator[Operation]:
        everything = LeadFilter()
        with db.transaction() as session:
            before = lists.page(session, self.rep, everything, order="recent", offset=4900, count=False)
        last = before.rows[-1]
        behind = floors.page(floors.BEHIND.replace(">", "<"), "last_contacted_at DESC NULLS LAST, id DESC",
                             count=floors.ALL)
        yield Operation("page 100 by cursor",
                        lambda s, _: lists.page(s, self.rep, everything, order="recent", cursor=before.next_cursor),
                        self.sql(behind, self.values(self.rep, at=last.last_contacted_at, id=last.id)))
        yield Operation("page 100 by offset",
                        lambda s, _: lists.page(s, self.rep, everything, order="recent", offset=4950),
                        self.sql(floors.page(floors.ALL, "last_contacted_at DESC NULLS LAST, id DESC", offset=4950),
                                 self.values(self.rep)))

    def all_leads(self) -> Iterator[Operation]:
        for key, order in floors.ORDERS.items():
            yield self.page(f"all leads, by {key}", self.rep, LeadFilter, floors.ALL, order, name=key)
        wanted = {"a tag": {"tags_any": ("autumn",)}, "no such tag": {"tags_any": ("zzqxq",)},
                  "a source": {"sources": ("scraper",)}, "score from 90": {"score_min": 90},
                  "no e-mail": {"lacks": ("email",)},
                  "contacted, not lately": {"last_contacted_before": QUIET, "contact_count_min": 3}}
        for what, given in wanted.items():
            yield self.page(f"all leads, {what}", self.rep, lambda g=given: LeadFilter(**g), floors.FILTERS[what],
                            floors.ORDERS["newest"], name="newest")

    def searches(self) -> Iterator[Operation]:
        # A fragment of a surname that some hundreds of leads have, and a syllable that a third of them have.
        fragment = self._one(
            "SELECT lower(left(last_name, 6)) FROM leads WHERE company_id = %s GROUP BY 1 "
            "HAVING length(min(last_name)) > 6 ORDER BY abs(count(*) - (SELECT count(*) / 600 FROM leads)), 1 LIMIT 1", self.company)
        words = {"rare": load.RARE_SURNAME.lower(), "fragment of a surname": fragment, "broad": "an", "none": "zzqxq"}
        for kind, word in words.items():
            # A word that has not been searched for yet: the blanks see to it that no statement is kept for it, and it
            # is not prepared on either side, as it would be from its sixth repeat.
            yield self.page(f"search, {kind}", self.rep,
                            lambda w=word: LeadFilter(search=w + " " * next(self.numbers)), floors.SEARCH,
                            floors.WAITING, prepare=False, limit_of_count=lists.SEARCH_COUNT_LIMIT, pattern=f"%{word}%")

    def lookups(self) -> Iterator[Operation]:
        rep = self.rep
        ids = [next(self.again)[0] for _ in range(50)]
        told = self._one("SELECT lead_id FROM lead_events WHERE company_id = %s LIMIT 1", self.company)
        yield Operation("rows of 50", lambda s, _: lists.rows(s, rep, ids),
                        self.sql(floors.ROWS, self.values(rep, ids=ids)))
        yield Operation("find", lambda s, _: leads.find(s, rep, ids[0]),
                        self.sql(floors.FIND, self.values(rep, id=ids[0])))
        yield Operation("timeline", lambda s, _: history.timeline(s, rep, told),
                        self.sql(floors.TIMELINE, self.values(rep, id=told)))
        yield Operation("sign_in", lambda s, _: users.sign_in(s, rep.user_id),
                        self.sql(floors.SIGN_IN, self.values(rep)))

    # ---------------------------------------------------------------- writing

    def writes(self) -> Iterator[Operation]:
        rep, manager = self.rep, self.manager
        edit = self.changing(floors.EDIT_STATUS, rep, to="qualified")
        yield Operation(
            "edit status",
            lambda s, work: leads.edit(s, rep, [Edit(work["ids"][0], "status", work["seen"], "qualified")], now=NOW),
            edit, self.some(self.fresh))
        for many in (1, 50):
            yield Operation(f"assign {many}",
                            lambda s, work: leads.assign(s, manager, work["ids"], to=self.median.user_id, now=NOW),
                            self.changing(floors.ASSIGN, manager, to=self.median.user_id), self.some(self.theirs, many))
        said = {"method": "call", "notes": "Talked about prices.", "now": NOW}
        for many in (1, 50):
            yield Operation(f"log_contact {many}",
                            lambda s, work: contacts.log_contact(s, rep, work["ids"], **said),
                            self.changing(floors.LOG_CONTACT, rep), self.some(self.again, many))
        yield Operation("log_contact 1 with key",
                        lambda s, work: contacts.log_contact(s, rep, work["ids"], **said, key=uuid.uuid4().hex),
                        lambda c, work: self.changing(floors.LOG_CONTACT_ONCE, rep, key=uuid.uuid4().hex,
                                                      hash=hashlib.sha256(b"request").digest())(c, work),
                        self.some(self.again))
        yield Operation("undo of an edit", lambda s, batch: undo.undo(s, rep, batch, now=NOW),
                        lambda c, batch: c.execute(floors.UNDO_STATUS, self.values(rep, batch=batch, undo=uuid.uuid4()),
                                                   prepare=True), self.an_edit)
        yield self.create()
        found = {"headcount": 120, "technologies": ["PostgreSQL"], "funding": {"round": "A"}}
        yield Operation("enrich", lambda s, work: deliveries.enrich(s, rep, work["ids"][0], found, now=NOW),
                        self.changing(floors.ENRICH, rep, found=Jsonb(found)), self.some(self.new))

    def create(self) -> Operation:
        firm = self._one("SELECT name FROM lead_companies WHERE company_id = %s LIMIT 1", self.company)
        person = {"first_name": "Ada", "last_name": "Lovelace", "source": "benchmark"}
        return Operation(
            "create",
            lambda s, email: leads.create(s, self.rep, {**person, "email": email, "company": firm}, now=NOW),
            lambda c, email: c.execute(floors.CREATE, self.values(self.rep, email=email, firm=firm), prepare=True),
            lambda: f"ada{next(self.numbers)}@benchmark.example")

    def some(self, of: Iterator, many: int = 1) -> Callable[[], dict[str, Any]]:
        def take() -> dict[str, Any]:
            taken = [next(of) for _ in range(many)]
            return {"ids": [lead for lead, _ in taken], "seen": taken[0][1]}
        return take

    def an_edit(self) -> uuid.UUID:
        lead, _ = next(self.fresh)
        with db.transaction() as session:
            return leads.edit(session, self.rep, [Edit(lead, "status", ANYTHING, "qualified")], now=NOW).batch_id

    def changing(self, statement: str, actor: Actor, **more: Any) -> Callable[[psycopg.Connection, Any], None]:
        def run(connection: psycopg.Connection, work: dict[str, Any]) -> None:
            changed = connection.execute(statement, self.values(actor, **work, **more), prepare=True).rowcount
            if changed != len(work["ids"]):
                raise AssertionError(f"{changed} of {len(work['ids'])} leads were changed by {statement}")
        return run

    def sql(self, statement: str, values: dict[str, Any], *, prepare: bool = True) -> Callable:
        return lambda connection, _: connection.execute(statement, values, prepare=prepare).fetchall()

    def tidy_up(self) -> None:
        self.connection.execute("DELETE FROM leads WHERE company_id = %s AND source = 'benchmark'", [self.company])


def run(conninfo: str, repeats: int, only: str) -> Sequence[Result]:
    engine = db.connect(conninfo, Settings())
    db.use(engine)
    options = "-c TimeZone=UTC -c statement_timeout=15s"
    results = []
    try:
        with psycopg.connect(conninfo, autocommit=True, options=options) as connection:
            setting = Setting(connection)
            print(HEADER)
            for make in (setting.reads, setting.writes):
                for operation in make():
                    if only in operation.name:
                        results.append(measure(operation, connection, repeats))
                        print(results[-1], flush=True)
            setting.tidy_up()
    finally:
        db.use(None)
        engine.dispose()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="100,000 leads and fewer repeats, in about a minute")
    parser.add_argument("--folder", type=Path, help=f"where the server's data lie (default: {load.FOLDER.name})")
    parser.add_argument("--only", default="", help="only the operations whose name contains this")
    parser.add_argument("--json", type=Path, help="also write the times of each repeat to this file")
    chosen = parser.parse_args()
    total, repeats = (100_000, 40) if chosen.quick else (1_000_000, 200)
    folder = chosen.folder or load.FOLDER.with_name("benchmark-quick" if chosen.quick else load.FOLDER.name)
    try:
        results = run(load.ensure(folder, total), repeats, chosen.only)
    finally:
        postgres.release(folder)
    over = [result.name for result in results if not result.at_aim]
    print(f"\n{len(results) - len(over)} of {len(results)} at the aim of {AIM} × the floor + {SLACK_MS} ms.")
    if chosen.json:
        chosen.json.write_text(json.dumps({each.name: {"call": each.call, "floor": each.floor} for each in results}))


if __name__ == "__main__":
    main()
