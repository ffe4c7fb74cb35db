"""The calls of the API that are measured, each with the same work as one statement, for the data's large company."""

import functools
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, cycle
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from benchmarks import floors
from benchmarks.client import Client
from lib import db, tokens, users, views
from lib.auth import Actor
from lib.config import Settings


@dataclass(frozen=True)
class Call:
    """``ask`` makes the method, the path and the body of one request; ``floor`` does its work on a connection.

    Both are given a lead to work on by ``take``; ``actor`` is whose token it is.
    """

    name: str
    actor: Actor
    ask: Callable[[Any], tuple[str, str, Any]]
    floor: Callable[[psycopg.Connection, Any], Any] | None
    take: Callable[[], Any] = lambda: None


class Setting:
    """The large company: its largest rep and its manager, and leads to work on, each given out once."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.company = self._one("SELECT id FROM companies WHERE name = 'Company 0'")
        rep = self._one("SELECT assigned_to_user_id FROM leads WHERE company_id = %s AND assigned_to_user_id IS NOT NULL "
                        "GROUP BY 1 ORDER BY count(*) DESC LIMIT 1", self.company)
        manager = self._one("SELECT id FROM users WHERE company_id = %s AND role = 'manager'", self.company)
        with db.transaction() as session:
            self.rep, self.manager = (users.sign_in(session, user)[0] for user in (rep, manager))
            self.tokens = {actor.user_id: tokens.create(session, actor, user_id=actor.user_id, name="Benchmark",
                                                        now=datetime.now(UTC))[1] for actor in (self.rep, self.manager)}
        self.numbers = count(time.time_ns())
        self.lock = threading.Lock()
        mine = "assigned_to_user_id = %s AND status IN ('enriched', 'contacted')"
        self.fresh = iter(self._leads(mine, self.rep.user_id))
        self.again = cycle(self._leads("assigned_to_user_id = %s AND status = 'converted'", self.rep.user_id))
        self.new = iter(self._leads("assigned_to_user_id IS NULL AND status = 'new'"))
        self.closed = iter(self._leads("assigned_to_user_id IS NULL AND status = 'lost'"))

    def _leads(self, condition: str, *values: Any) -> list[tuple[uuid.UUID, str]]:
        return self.connection.execute(f"SELECT id, status FROM leads WHERE company_id = %s AND {condition} ORDER BY id",
                                       [self.company, *values]).fetchall()

    def _one(self, statement: str, *values: Any) -> Any:
        return self.connection.execute(statement, values).fetchone()[0]

    def values(self, actor: Actor, **more: Any) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {"company": actor.company_id, "me": actor.user_id, "now": now, "batch": uuid.uuid4(),
                "due": views.follow_ups_before(actor, now), "leads_team": actor.role != "rep", **more}

    def some(self, of: Iterator) -> Callable[[], tuple[uuid.UUID, str]]:
        def take() -> tuple[uuid.UUID, str]:
            with self.lock:
                return next(of)
        return take

    def sql(self, statement: str, actor: Actor, *, prepare: bool = True, **more: Any) -> Callable:
        return lambda connection, _: connection.execute(
            statement, self.values(actor, **more), prepare=prepare).fetchall()

    def changing(self, statement: str, actor: Actor, **more: Any) -> Callable[[psycopg.Connection, Any], None]:
        def run(connection: psycopg.Connection, lead: tuple[uuid.UUID, str]) -> None:
            changed = connection.execute(statement, self.values(actor, ids=[lead[0]], seen=lead[1], **more),
                                         prepare=True).rowcount
            if changed != 1:
                raise AssertionError(f"{changed} leads were changed by {statement}")
        return run

    def calls(self, client: Client) -> Iterator[Call]:
        rep, manager = self.rep, self.manager
        yield Call("GET /health/live, no database", rep, lambda _: ("GET", "/health/live", None), None)
        yield Call("GET /metrics", rep, lambda _: ("GET", "/metrics", None), self.sql(floors.NUMBERS, rep))
        mine = floors.page(*floors.VIEWS["mine"], whole=True)
        yield Call("GET /leads, 50 of mine", rep,
                   lambda _: ("GET", "/leads?assigned_to_me=true&sort=waiting", None), self.sql(mine, rep))
        yield self.page_100(client)
        yield self.search()
        yield Call("GET /leads/{id}", rep, lambda lead: ("GET", f"/leads/{lead[0]}", None),
                   lambda c, lead: c.execute(floors.FIND, self.values(rep, id=lead[0]), prepare=True).fetchall(),
                   self.some(self.again))
        yield Call("GET /workload, 62 people", manager, lambda _: ("GET", "/workload", None),
                   self.sql(floors.WORKLOAD, manager))
        yield from self.writes()

    def page_100(self, client: Client) -> Call:
        cursor = ""
        for _ in range(10):
            cursor = json.loads(client("GET", f"/leads?sort=recent&limit=490{cursor and f'&cursor={cursor}'}", None))[
                "next_cursor"]
        last = self.connection.execute(
            "SELECT last_contacted_at, id FROM leads WHERE company_id = %s ORDER BY last_contacted_at DESC NULLS LAST, "
            "id DESC OFFSET 4899 LIMIT 1", [self.company]).fetchone()
        behind = floors.page(floors.BEHIND.replace(">", "<"), "last_contacted_at DESC NULLS LAST, id DESC",
                             whole=True, count="false")
        return Call("GET /leads, page 100", self.rep, lambda _: ("GET", f"/leads?sort=recent&cursor={cursor}", None),
                    self.sql(behind, self.rep, at=last[0], id=last[1]))

    @functools.cached_property
    def word(self) -> str:
        """The beginning of a surname that one lead in six hundred has."""
        return self._one(
            "SELECT lower(left(last_name, 6)) FROM leads WHERE company_id = %s GROUP BY 1 HAVING length(min(last_name)) > 6 "
            "ORDER BY abs(count(*) - (SELECT count(*) / 600 FROM leads)), 1 LIMIT 1", self.company)

    def search(self) -> Call:
        found = floors.page(floors.SEARCH, floors.ORDERS["newest"], whole=True)
        return Call("GET /leads, search of a fragment", self.rep, lambda _: ("GET", f"/leads?q={self.word}", None),
                    self.sql(found, self.rep, prepare=False, pattern=f"%{self.word}%"))

    def writes(self) -> Iterator[Call]:
        rep, manager = self.rep, self.manager
        yield Call("POST /leads/{id}, a status", rep,
                   lambda lead: ("POST", f"/leads/{lead[0]}", {"status": "qualified"}),
                   self.changing(floors.EDIT_STATUS, rep, to="qualified"), self.some(self.fresh))
        yield Call("POST /leads/{id}/contact", rep,
                   lambda lead: ("POST", f"/leads/{lead[0]}/contact", {"method": "call", "notes": "Talked about prices."}),
                   self.changing(floors.LOG_CONTACT, rep), self.some(self.again))
        found = {"headcount": 120, "technologies": ["PostgreSQL"], "funding": {"round": "A"}}
        yield Call("POST /leads/{id}, an enrichment", rep,
                   lambda lead: ("POST", f"/leads/{lead[0]}", {"status": "enriched", "enrichment_data": found}),
                   self.changing(floors.ENRICH, rep, found=Jsonb(found)), self.some(self.new))
        yield Call("POST /leads/{id}/assign", manager,
                   lambda lead: ("POST", f"/leads/{lead[0]}/assign", {"userId": str(rep.user_id)}),
                   self.changing(floors.ASSIGN, manager, to=rep.user_id), self.some(self.closed))
        yield Call("POST /leads/{id}/auto-assign", manager, lambda lead: ("POST", f"/leads/{lead[0]}/auto-assign", None),
                   self.changing(floors.ASSIGN, manager, to=rep.user_id), self.some(self.closed))
        firm = self._one("SELECT name FROM lead_companies WHERE company_id = %s LIMIT 1", self.company)
        person = {"first_name": "Ada", "last_name": "Lovelace", "source": "benchmark", "company": firm}
        yield Call("POST /leads", rep, lambda email: ("POST", "/leads", {**person, "email": email}),
                   lambda c, email: c.execute(floors.CREATE, self.values(rep, email=email, firm=firm), prepare=True),
                   self.address)
        yield Call("POST /leads/batch, 100 leads", rep,
                   lambda _: ("POST", "/leads/batch", {"leads": [{**person, "email": self.address()} for _ in range(100)]}),
                   None)

    def address(self) -> str:
        return f"ada{next(self.numbers)}@benchmark.example"

    def tidy_up(self) -> None:
        self.connection.execute("DELETE FROM leads WHERE company_id = %s AND source = 'benchmark'", [self.company])
        self.connection.execute("DELETE FROM api_tokens WHERE company_id = %s AND name = 'Benchmark'", [self.company])


@contextmanager
def connected(conninfo: str) -> Iterator[Setting]:
    """The large company of a loaded database, with tokens that end with the block, as do the leads that were added."""
    engine = db.connect(conninfo, Settings())
    db.use(engine)
    try:
        with psycopg.connect(conninfo, autocommit=True, options="-c TimeZone=UTC") as connection:
            setting = Setting(connection)
            try:
                yield setting
            finally:
                setting.tidy_up()
    finally:
        db.use(None)
        engine.dispose()
