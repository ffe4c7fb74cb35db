"""A loaded database, and whom and what there is in it to measure with."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, cycle
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine

from benchmarks import load
from benchmarks.load import NOW
from benchmarks.operations import OPTIONS
from lib import db, postgres, users, views
from lib.auth import Actor
from lib.config import Settings

QUIET = NOW - timedelta(days=views.QUIET_DAYS)
LEADS = 10_000  # To work on, of each kind; then they come round again.


@dataclass(frozen=True)
class Desk:
    folder: Path
    leads: int
    conninfo: str
    engine: Engine
    port: int
    """The first of some that are free."""

    def use(self) -> None:
        """Let the transactions of this process go to this database."""
        db.use(self.engine)


@contextmanager
def opened(folder: Path, leads: int, port: int) -> Iterator[Desk]:
    """The database of this folder, loaded with so many leads unless it has them; its server is stopped in the end."""
    try:
        with connected(load.ensure(folder, leads), leads, folder, port) as desk:
            yield desk
    finally:
        postgres.release(folder)


@contextmanager
def connected(conninfo: str, leads: int, folder: Path, port: int) -> Iterator[Desk]:
    """A database that is loaded already."""
    engine = db.connect(conninfo, Settings(statement_timeout_seconds=60))
    desk = Desk(folder, leads, conninfo, engine, port)
    desk.use()
    try:
        yield desk
    finally:
        db.use(None)
        engine.dispose()


class Setting:
    """The large company: its largest rep, its median rep and its manager, and leads to work on."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.company = self.one("SELECT id FROM companies WHERE name = 'Company 0'")
        by_size = [user for user, in connection.execute(
            "SELECT assigned_to_user_id FROM leads WHERE company_id = %s AND assigned_to_user_id IS NOT NULL "
            "GROUP BY 1 ORDER BY count(*) DESC", [self.company])]
        manager = self.one("SELECT id FROM users WHERE company_id = %s AND role = 'manager'", self.company)
        with db.transaction() as session:
            self.rep, self.median, self.manager = (
                users.sign_in(session, user)[0] for user in (by_size[0], by_size[len(by_size) // 2], manager))
        # Whom leads are given to in turns.
        self.colleagues = by_size[-2:]
        self.numbers = count()
        mine = self._leads("assigned_to_user_id = %s", self.rep.user_id)
        self.held, self.contacted = dict(mine[::2]), [lead for lead, _ in mine[1::2]]
        self.to_change, self.to_contact = cycle(self.held), cycle(self.contacted)
        theirs = self._leads("assigned_to_user_id <> ALL (%s)", [self.rep.user_id, *self.colleagues])
        self.to_assign = self._given_out(theirs)
        self.to_tag = cycle([lead for lead, _ in theirs])
        self.new = cycle(self._leads("assigned_to_user_id IS NULL AND status = 'new'"))
        self.leads = self.one("SELECT count(*) FROM leads WHERE company_id = %s", self.company)
        self.fragment = self.one(
            # Of a surname that one lead in six hundred has.
            "SELECT lower(left(last_name, 6)) FROM leads WHERE company_id = %(company)s GROUP BY 1 "
            "HAVING length(min(last_name)) > 6 "
            "ORDER BY abs(count(*) - (SELECT count(*) / 600 FROM leads)), 1 LIMIT 1", company=self.company)

    def one(self, statement: str, *values: Any, **named: Any) -> Any:
        return self.connection.execute(statement, named or values).fetchone()[0]

    def _leads(self, condition: str, *values: Any) -> list[tuple[uuid.UUID, str]]:
        """Leads and their statuses by id, which is no order at all: as scattered as the leads of a real day."""
        return self.connection.execute(
            f"SELECT id, status FROM leads WHERE company_id = %s AND {condition} ORDER BY id LIMIT {LEADS}",
            [self.company, *values]).fetchall()

    def _given_out(self, leads: list[tuple[uuid.UUID, str]]) -> Iterator[tuple[uuid.UUID, uuid.UUID]]:
        """Each lead with who gets it; when they come round again, somebody else."""
        for to in cycle(self.colleagues):
            yield from ((lead, to) for lead, _ in leads)

    def later(self) -> datetime:
        """The clock goes on between two calls, as it does for a page: a list that depends on it is never the same."""
        return NOW + timedelta(microseconds=next(self.numbers))

    def values(self, actor: Actor, **more: Any) -> dict[str, Any]:
        return {"company": actor.company_id, "me": actor.user_id, "now": NOW, "quiet": QUIET,
                "due": views.follow_ups_before(actor, NOW), "leads_team": actor.role != "rep", "batch": uuid.uuid4(),
                **more}

    def sql(self, statement: str, actor: Actor, *, prepare: bool = True, **more: Any) -> Callable:
        values = self.values(actor, **more)
        return lambda connection, _: connection.execute(statement, values, prepare=prepare).fetchall()

    def changing(self, statement: str, actor: Actor, **more: Any) -> Callable[[psycopg.Connection, Any], None]:
        def run(connection: psycopg.Connection, work: dict[str, Any]) -> None:
            changed = connection.execute(statement, self.values(actor, **work, **more), prepare=True).rowcount
            if changed != len(work["ids"]):
                raise AssertionError(f"{changed} of {len(work['ids'])} leads were changed by {statement}")
        return run

    # ---------------------------------------------------------------- leads to work on

    def a_change(self) -> dict[str, Any]:
        """A lead of the largest rep's, the status that it has and another one."""
        lead = next(self.to_change)
        seen = self.held[lead]
        self.held[lead] = "conversing" if seen == "qualified" else "qualified"
        return {"ids": [lead], "seen": seen, "to": self.held[lead]}

    def some_to_contact(self, many: int = 1) -> Callable[[], dict[str, Any]]:
        return lambda: {"ids": [next(self.to_contact) for _ in range(min(many, len(self.contacted)))]}

    def some_to_assign(self, many: int = 1) -> Callable[[], dict[str, Any]]:
        """Leads that all go to the same colleague, who has none of them."""
        def take() -> dict[str, Any]:
            taken = [next(self.to_assign) for _ in range(many)]
            while len({to for _, to in taken}) > 1:
                taken = [next(self.to_assign) for _ in range(many)]
            return {"ids": [lead for lead, _ in taken], "to": taken[0][1]}
        return take

    def a_new_one(self) -> dict[str, Any]:
        """A lead, and facts about it that nobody has delivered yet."""
        return {"ids": [next(self.new)[0]],
                "found": {"headcount": next(self.numbers), "technologies": ["PostgreSQL"], "funding": {"round": "A"}}}

    def address(self) -> str:
        return f"ada{next(self.numbers)}-{uuid.uuid4().hex[:8]}@benchmark.example"

    def tidy_up(self) -> None:
        """Take out the leads that were added; what was changed stays, as everybody's leads change."""
        self.connection.execute("DELETE FROM leads WHERE company_id = %s AND source = 'benchmark'", [self.company])


@contextmanager
def at_work(desk: Desk) -> Iterator[Setting]:
    with psycopg.connect(desk.conninfo, autocommit=True, options=OPTIONS) as connection:
        desk.use()
        setting = Setting(connection)
        try:
            yield setting
        finally:
            setting.tidy_up()
