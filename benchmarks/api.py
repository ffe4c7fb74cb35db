"""Measures each call of the API beside the same work as one hand-written statement: ``python -m benchmarks.api``.

The app runs as it does for people, in a process of its own. One client asks over a connection that stays open, in turns
with the statement through psycopg; then eight at once ask for some seconds.
"""

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, cycle
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from benchmarks import floors, load
from lib import db, postgres, tokens, users, views
from lib.auth import Actor
from lib.config import ROOT, Settings

WARM_UP = 8  # psycopg prepares a statement at its sixth execution.
SLOW_MS = 50
CLIENTS = 8
HEADER = ("| call | ms | p95 | floor ms | p95 | ratio | calls a second, 8 clients | processor ms of the app |\n"
          "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")


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


class Client:
    """One connection that stays open."""

    def __init__(self, port: int, token: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def __call__(self, method: str, path: str, body: Any) -> Any:
        content = None if body is None else json.dumps(body)
        self.connection.request(method, f"/api{path}", content, self.headers)
        answer = self.connection.getresponse()
        told = answer.read()
        if answer.status not in (200, 201):
            raise AssertionError(f"{method} {path}: {answer.status} {told[:300]!r}")
        return told


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

    def search(self) -> Call:
        word = self._one(
            "SELECT lower(left(last_name, 6)) FROM leads WHERE company_id = %s GROUP BY 1 HAVING length(min(last_name)) > 6 "
            "ORDER BY abs(count(*) - (SELECT count(*) / 600 FROM leads)), 1 LIMIT 1", self.company)
        found = floors.page(floors.SEARCH, floors.ORDERS["newest"], whole=True)
        return Call("GET /leads, search of a fragment", self.rep, lambda _: ("GET", f"/leads?q={word}", None),
                    self.sql(found, self.rep, prepare=False, pattern=f"%{word}%"))

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


def measure(call: Call, client: Client, connection: psycopg.Connection, repeats: int) -> tuple[list[float], list[float]]:
    asked, floor = [], []

    def ask() -> None:
        request = call.ask(call.take())
        began = time.perf_counter()
        client(*request)
        asked.append((time.perf_counter() - began) * 1000)

    def work() -> None:
        taken = call.take()
        began = time.perf_counter()
        with connection.transaction():
            call.floor(connection, taken)
        floor.append((time.perf_counter() - began) * 1000)

    for repeat in range(WARM_UP + repeats):
        for act in (ask, work) if repeat % 2 else (work, ask):
            if act is ask or call.floor:
                act()
        if repeat >= WARM_UP + repeats // 10 and asked[-1] > SLOW_MS:
            break
    return asked[WARM_UP:], floor[WARM_UP:]


def rate(call: Call, make: Callable[[], Client], seconds: float, app: int) -> tuple[float, float]:
    """Calls a second with as many clients as there are CLIENTS, and how long the app's processor works on each, in ms:
    on a machine with other work, the figure that varies least."""
    done = [0] * CLIENTS
    end = time.perf_counter() + seconds

    def run(place: int) -> None:
        client = make()
        while time.perf_counter() < end:
            client(*call.ask(call.take()))
            done[place] += 1

    began, worked = time.perf_counter(), _processor_seconds(app)
    threads = [threading.Thread(target=run, args=(place,)) for place in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (sum(done) / (time.perf_counter() - began),
            (_processor_seconds(app) - worked) * 1000 / max(sum(done), 1))


def _processor_seconds(process: int) -> float:
    """Of the process and its threads, as Linux tells it; not a number elsewhere."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(conninfo: str, port: int) -> Iterator[int]:
    """The app, as the number of its process."""
    # On a database that is not the demo's, it starts only where people can sign in; here nobody does.
    environment = os.environ | {
        "DATABASE_URL": conninfo, "API_CALLS_PER_SECOND": "100000", "TRUSTED_PROXY": "192.0.2.1",
        "FORWARDED_ALLOW_IPS": "", "STREAMLIT_SERVER_TRUSTED_USER_HEADERS": '{"X-Auth-Request-Email": "email"}'}
    process = subprocess.Popen([sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)], cwd=ROOT,
                               env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                Client(port, "")("GET", "/health", None)
                break
            except (OSError, AssertionError):
                if process.poll() is not None:
                    raise SystemExit("The app did not start.") from None
                time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def run(conninfo: str, port: int, repeats: int, seconds: float, only: str) -> None:
    engine = db.connect(conninfo, Settings())
    db.use(engine)
    try:
        with served(conninfo, port) as app, psycopg.connect(
                conninfo, autocommit=True, options="-c TimeZone=UTC") as connection:
            setting = Setting(connection)
            print(HEADER, flush=True)
            for call in setting.calls(Client(port, setting.tokens[setting.rep.user_id])):
                if only not in call.name:
                    continue
                token = setting.tokens[call.actor.user_id]
                asked, floor = measure(call, Client(port, token), connection, repeats)
                many = rate(call, lambda token=token: Client(port, token), seconds, app) if seconds else ()
                print(_row(call.name, asked, floor, many), flush=True)
            setting.tidy_up()
    finally:
        db.use(None)
        engine.dispose()


def _row(name: str, asked: list[float], floor: list[float], many: tuple[float, ...]) -> str:
    median, below = statistics.median(asked), statistics.median(floor) if floor else None
    cells = [f"{median:.2f}", f"{_p95(asked):.2f}", *([f"{below:.2f}", f"{_p95(floor):.2f}", f"{median / below:.1f}"]
                                                     if below else [""] * 3), *(f"{each:.1f}" for each in many)]
    return f"| {name} | {' | '.join(cells)} |"


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[-1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.api", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="100,000 leads and fewer repeats")
    parser.add_argument("--folder", type=Path, help=f"where the server's data lie (default: {load.FOLDER.name})")
    parser.add_argument("--port", type=int, default=8599)
    parser.add_argument("--only", default="", help="only the calls whose name contains this")
    parser.add_argument("--seconds", type=float, default=4, help="how long eight clients ask for each call")
    chosen = parser.parse_args()
    total, repeats = (100_000, 40) if chosen.quick else (1_000_000, 200)
    folder = chosen.folder or load.FOLDER.with_name("benchmark-quick" if chosen.quick else load.FOLDER.name)
    try:
        run(load.ensure(folder, total), chosen.port, repeats, chosen.seconds, chosen.only)
    finally:
        postgres.release(folder)


if __name__ == "__main__":
    main()
