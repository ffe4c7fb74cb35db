"""Eight people who write in one company at once, and who reads meanwhile.

How many writes get through, by the data access and as a plain UPDATE with the counts kept, beside the same UPDATE with
nothing kept, in turns; what the four numbers and everybody's desk cost meanwhile, beside their floors under the same
writers; whether anybody was made to wait in a circle; and whether counts and history are exact in the end.
"""

import random
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks import counting, reading
from benchmarks.desks import Desk, at_work
from benchmarks.figures import Check, Section, p95, plain, ratio_of_medians, table
from benchmarks.operations import OPTIONS, Operation
from benchmarks.progress import said
from lib import contacts, counts, db, leads
from lib.auth import Actor
from lib.errors import DatabaseUnavailable
from lib.leads import ANYTHING, Edit

WRITERS, LEADS, FOLD_SECONDS = 8, 20_000, 5
STATUSES = ("enriched", "contacted", "conversing", "qualified")
STATUS = "UPDATE leads SET status = %s WHERE id = %s"
CONTACT = ("UPDATE leads SET last_contacted_at = now(), last_contact_method = 'call', contact_count = contact_count + 1, "
           "status = CASE WHEN status IN ('new', 'enriched') THEN 'contacted' ELSE status END WHERE id = %s")

# Writes something to some of these leads, and tells how many it has changed.
Write = Callable[[random.Random, list[uuid.UUID]], int]


@dataclass
class Tally:
    writes: int = 0
    deadlocks: int = 0
    seconds: float = 0
    read: dict[str, list[float]] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.writes / self.seconds


class Updates:
    """A plain UPDATE for each write, by a connection of its own, which keeps the counts or keeps nothing."""

    def __init__(self, conninfo: str, *, keeps: bool) -> None:
        self.connection = psycopg.connect(conninfo, autocommit=True)
        self.connection.execute(f"SET session_replication_role = {'origin' if keeps else 'replica'}")

    def __call__(self, pick: random.Random, ids: list[uuid.UUID]) -> int:
        lead = pick.choice(ids)
        if pick.random() < 0.5:
            self.connection.execute(STATUS, (pick.choice(STATUSES), lead))
        else:
            self.connection.execute(CONTACT, (lead,))
        return 1

    def close(self) -> None:
        self.connection.close()


class Calls:
    """What people do: a status, or a contact with ``most`` leads at once, with its rules and its history."""

    def __init__(self, actor: Actor, most: int = 1) -> None:
        self.actor, self.most = actor, most

    def __call__(self, pick: random.Random, ids: list[uuid.UUID]) -> int:
        some = pick.sample(ids, pick.randint(1, self.most))
        with db.transaction() as session:
            if pick.random() < 0.5:
                to = pick.choice(STATUSES)
                done = leads.edit(session, self.actor, [Edit(lead, "status", ANYTHING, to) for lead in some])
            else:
                done = contacts.log_contact(session, self.actor, some, method="call")
        return len(done.done)

    def close(self) -> None:
        pass


def run(make: Callable[[], Write], ids: list[uuid.UUID], seconds: float,
        read: Callable[[Tally], None] | None = None) -> Tally:
    """Eight write for so long, each with a ``Write`` of their own; ``read`` is called over and over beside them."""
    tally, lock = Tally(), threading.Lock()
    began = time.monotonic()
    end = began + seconds

    def work(seed: int) -> None:
        pick, written, deadlocks, write = random.Random(seed), 0, 0, make()
        while time.monotonic() < end:
            try:
                written += write(pick, ids)
            except (psycopg.errors.DeadlockDetected, DatabaseUnavailable) as error:
                if not isinstance(error, psycopg.Error) and not _is_deadlock(error):
                    raise
                deadlocks += 1
        write.close()
        with lock:
            tally.writes += written
            tally.deadlocks += deadlocks

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(WRITERS)]
    for thread in threads:
        thread.start()
    while time.monotonic() < end:
        if read:
            read(tally)
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    tally.seconds = time.monotonic() - began
    return tally


def _is_deadlock(error: DatabaseUnavailable) -> bool:
    return isinstance(getattr(error.__cause__, "orig", None), psycopg.errors.DeadlockDetected)


def reader(asked: Mapping[str, Operation], connection: psycopg.Connection) -> Callable[[Tally], None]:
    """Takes each function and its floor in turns, and puts the counts together as the running app does."""
    folded = time.monotonic()

    def read(tally: Tally) -> None:
        nonlocal folded
        for name, operation in asked.items():
            tally.read.setdefault(name, []).append(operation.take())
            tally.read.setdefault(f"{name}, floor", []).append(operation.take_floor(connection))
        if time.monotonic() > folded + FOLD_SECONDS:
            with db.transaction() as session:
                counts.fold(session)
            folded = time.monotonic()
    return read


def section(desk: Desk, *, seconds: float, rounds: int, reading_seconds: float) -> Section:
    with at_work(desk) as setting, psycopg.connect(desk.conninfo, autocommit=True, options=OPTIONS) as connection:
        ids = [lead for lead, in connection.execute("SELECT id FROM leads WHERE company_id = %s LIMIT %s",
                                                    [setting.company, LEADS])]
        kinds = {"by the data access": lambda: Calls(setting.manager),
                 "UPDATE, counts kept": lambda: Updates(desk.conninfo, keeps=True),
                 "UPDATE, nothing kept": lambda: Updates(desk.conninfo, keeps=False)}
        rates: dict[str, list[float]] = {name: [] for name in kinds}
        deadlocks = 0
        for number in range(rounds):
            for name, make in kinds.items():
                said(f"eight write, {name}, {number + 1} of {rounds}")
                tally = run(make, ids, seconds)
                rates[name].append(tally.rate)
                deadlocks += tally.deadlocks
        # Nothing was kept for a while.
        with Session(desk.engine) as session:
            counts.recount(session)
            session.commit()
        asked = {"the four numbers": next(reading.numbers(setting)), "everybody's desk": counting.desks(setting)}
        idle = Tally()
        for _ in range(40):
            reader(asked, connection)(idle)
        before = _events(connection, setting.company)
        said(f"eight write several leads at once for {reading_seconds:.0f} s, and somebody reads")
        busy = run(lambda: Calls(setting.manager, most=3), ids, reading_seconds, reader(asked, connection))
        told = _events(connection, setting.company) - before
        with Session(desk.engine) as session:
            is_exact = counts_are_exact(session)
    return _section(rates, idle, busy, deadlocks + busy.deadlocks, is_exact, told == busy.writes)


def _section(rates: Mapping[str, list[float]], idle: Tally, busy: Tally, deadlocks: int, is_exact: bool,
             is_told: bool) -> Section:
    nothing = rates["UPDATE, nothing kept"]
    written = table(["leads a second, eight writers", "median", "lowest", "highest", "to nothing kept"], [
        [name, statistics.median(each), min(each), max(each), ratio_of_medians(each, nothing)]
        for name, each in rates.items()])
    read = table(["beside eight who write", "ms", "p95", "idle ms", "to idle"], [
        [name, statistics.median(each), p95(each), statistics.median(idle.read[name]),
         ratio_of_medians(each, idle.read[name])] for name, each in busy.read.items()])
    said_of_all = (f"In {plain(busy.seconds)} s, {busy.writes:,} leads were changed; {deadlocks} deadlocks; counts "
                   f"{'exact' if is_exact else 'NOT exact'} in the end; {'every' if is_told else 'NOT every'} change has "
                   f"its event.")
    checks = [Check("writes by eight in one company, counts kept / nothing kept",
                    ratio_of_medians(rates["UPDATE, counts kept"], nothing), 0.35, at_least=True),
              Check("the same by the data access, with rules and history / nothing kept",
                    ratio_of_medians(rates["by the data access"], nothing), 0.35, at_least=True),
              Check(f"deadlocks in {plain(busy.seconds / 60)} minutes", deadlocks, 0),
              Check("counts exact and every change told / of 2", is_exact + is_told, 2, at_least=True)]
    checks += [Check(f"{name} while eight write / the best SQL meanwhile",
                     ratio_of_medians(busy.read[name], busy.read[f"{name}, floor"]), 2)
               for name in busy.read if not name.endswith(", floor")]
    return Section("Eight who write in one company", [written, read, said_of_all], checks,
                   {"rates": dict(rates), "idle": idle.read, "busy": busy.read, "deadlocks": deadlocks})


def _events(connection: psycopg.Connection, company: uuid.UUID) -> int:
    return connection.execute("SELECT count(*) FROM lead_events WHERE company_id = %s", [company]).fetchone()[0]


def counts_are_exact(session: Session) -> bool:
    """Whether what is kept is what there is, in all companies."""
    held = _held(session)
    counts.recount(session)
    right = _held(session)
    session.rollback()
    return held == right


def _held(session: Session) -> list[list[str]]:
    sums = []
    for counted in counts.TABLES:
        key, numbers = ", ".join(counts.key_of(counted)), counts.counted_in(counted)
        totals = ", ".join(f"sum({number})::bigint" for number in numbers)
        sums.append(sorted(map(str, session.execute(text(
            f"SELECT {key}, {totals} FROM {counted.name} GROUP BY {key} "
            f"HAVING ({totals}) <> ({', '.join('0' for _ in numbers)})")).all())))
    return sums
