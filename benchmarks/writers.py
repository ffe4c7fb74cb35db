"""Eight people who write in one company at once: ``python -m benchmarks.writers``.

How many writes get through with the counts kept, beside the same UPDATE with nothing kept, in turns; what the four
numbers and the open leads of the team cost meanwhile, beside idle; whether anybody was made to wait in a circle; and
whether the counts are exact in the end.
"""

import argparse
import random
import statistics
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks import load
from lib import counts, db, lists, postgres, users, workload
from lib.auth import Actor
from lib.config import Settings

WRITERS, LEADS = 8, 20_000
STATUS = "UPDATE leads SET status = %s WHERE id = %s"
CONTACT = ("UPDATE leads SET last_contacted_at = now(), last_contact_method = 'call', contact_count = contact_count + 1, "
           "status = CASE WHEN status IN ('new', 'enriched') THEN 'contacted' ELSE status END WHERE id = %s")


@dataclass
class Tally:
    writes: int = 0
    deadlocks: int = 0
    read: list[float] = field(default_factory=list)
    load: list[float] = field(default_factory=list)


def run(conninfo: str, ids: list[uuid.UUID], seconds: float, *, keeps: bool,
        reads: Callable[[Tally], None] | None = None) -> Tally:
    """Write for so long with eight connections; ``reads`` is called over and over by one more thread."""
    tally, lock = Tally(), threading.Lock()
    end = time.monotonic() + seconds

    def write(seed: int) -> None:
        pick, writes, deadlocks = random.Random(seed), 0, 0
        with psycopg.connect(conninfo, autocommit=True) as connection:
            # Nothing kept: the triggers of this connection are off.
            connection.execute(f"SET session_replication_role = {'origin' if keeps else 'replica'}")
            while time.monotonic() < end:
                lead = pick.choice(ids)
                try:
                    if pick.random() < 0.5:
                        connection.execute(STATUS, (pick.choice(["enriched", "contacted", "conversing", "qualified"]), lead))
                    else:
                        connection.execute(CONTACT, (lead,))
                    writes += 1
                except psycopg.errors.DeadlockDetected:
                    deadlocks += 1
        with lock:
            tally.writes += writes
            tally.deadlocks += deadlocks

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(WRITERS)]
    for thread in threads:
        thread.start()
    while time.monotonic() < end:
        if reads is None:
            time.sleep(0.05)
        else:
            reads(tally)
    for thread in threads:
        thread.join()
    return tally


def reader(actor: Actor, every: float = 0.02) -> Callable[[Tally], None]:
    """Reads both numbers, and puts the counts together every five seconds as the running app does."""
    folded = time.monotonic()

    def read(tally: Tally) -> None:
        nonlocal folded
        for times, ask in ((tally.read, lambda s: lists.numbers(s, actor, now=load.NOW)),
                           (tally.load, lambda s: s.execute(workload._open(actor)).all())):
            began = time.perf_counter()
            with db.transaction() as session:
                ask(session)
            times.append((time.perf_counter() - began) * 1000)
        if time.monotonic() > folded + 5:
            with db.transaction() as session:
                counts.fold(session)
            folded = time.monotonic()
        time.sleep(every)
    return read


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.writers", description=__doc__.partition("\n")[0])
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    conninfo = load.ensure(load.FOLDER, chosen.leads)
    engine = db.connect(conninfo, Settings())
    db.use(engine)
    try:
        with Session(engine) as session:
            company, me = session.execute(text(
                "SELECT company_id, assigned_to_user_id FROM leads WHERE assigned_to_user_id IS NOT NULL "
                "GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1")).one()
            actor, _ = users.sign_in(session, me)
            ids = list(session.scalars(text("SELECT id FROM leads WHERE company_id = :company LIMIT :n"),
                                       {"company": company, "n": LEADS}))
        idle = Tally()
        read = reader(actor)
        for _ in range(200):
            read(idle)
        kept, plain = [], []
        for _ in range(chosen.rounds):
            kept.append(run(conninfo, ids, chosen.seconds, keeps=True))
            plain.append(run(conninfo, ids, chosen.seconds, keeps=False))
        with Session(engine) as session:
            counts.recount(session)
            session.commit()
        busy = run(conninfo, ids, chosen.seconds * chosen.rounds, keeps=True, reads=reader(actor))
        with Session(engine) as session:
            exact = _is_exact(session)
        print("| figure | |\n| --- | ---: |")
        rate = [sum(each.writes for each in runs) / len(runs) / chosen.seconds for runs in (kept, plain)]
        print(f"| writes a second, counts kept / nothing kept | {rate[0]:,.0f} / {rate[1]:,.0f} = {rate[0] / rate[1]:.2f} |")
        for name in ("read", "load"):
            quiet, loud = (statistics.median(getattr(each, name)) for each in (idle, busy))
            words = {"read": "the four numbers", "load": "open leads of the team"}[name]
            print(f"| {words}, ms while eight write / idle | {loud:.2f} / {quiet:.2f} = {loud / quiet:.2f} |")
        print(f"| deadlocks | {sum(each.deadlocks for each in (*kept, busy))} |")
        print(f"| counts exact in the end | {'yes' if exact else 'NO'} |")
    finally:
        db.use(None)
        engine.dispose()
        postgres.release(load.FOLDER)


def _is_exact(session: Session) -> bool:
    held = session.execute(text("SELECT company_id, owner_id, status, sum(n)::bigint FROM lead_status_counts "
                                "GROUP BY 1, 2, 3 HAVING sum(n) <> 0")).all()
    counts.recount(session)
    right = session.execute(text("SELECT company_id, owner_id, status, sum(n)::bigint FROM lead_status_counts "
                                 "GROUP BY 1, 2, 3 HAVING sum(n) <> 0")).all()
    session.rollback()
    return sorted(map(str, held)) == sorted(map(str, right))


if __name__ == "__main__":
    main()
