"""Loads a database to measure with: ``python -m benchmarks.load --leads 1000000``.

Ten companies share the leads. The first has six in ten of them, sixty reps whose shares fall off as in Zipf's law (the
largest has about 53,000 of a million leads, the median rep 5,000), and a pile of unassigned ones. Most leads are old
and closed, few are in conversation. Follow-ups are due for almost a quarter of the leads: far more than a team that
keeps up would have, so that the numbers are measured at their worst.

The same ``--leads`` always gives the same rows, and the clock of the data stands at ``NOW``.
"""

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random

import psycopg
from sqlalchemy.orm import Session

from benchmarks.progress import said
from lib import counts, db, postgres, schema
from lib.config import ROOT, Settings

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FOLDER = ROOT / ".lead-desk" / "benchmark"
SEED = 20_260_310
YEARS = timedelta(days=3 * 365)

COMPANIES, REPS, REPS_ELSEWHERE, SHARE = 10, 60, 8, 0.6
LEADS_PER_FIRM = 15
RARE_SURNAME = "Quixwyrdsen"

# The status of leads by age: how many of the older seven tenths, how many of the newer three, and how many of either
# have no owner.
STATUSES = {
    "new": (4, 24, 0.8), "enriched": (6, 26, 0.5), "contacted": (20, 27, 0.03), "conversing": (1, 8, 0.0),
    "qualified": (1, 4, 0.0), "converted": (8, 1, 0.0), "lost": (60, 10, 0.21),
}
OLD = 0.7
METHODS = ("email", "linkedin", "call", "other")

ONSETS = ("B", "Br", "D", "F", "G", "H", "J", "K", "Kr", "L", "M", "N", "P", "R", "S", "Sch", "St", "T", "V", "W", "Z")
MIDDLES = ("ab", "ad", "al", "am", "an", "ar", "eb", "ed", "el", "em", "en", "er", "ib", "il", "in", "is", "ol", "om",
           "on", "or", "ul", "un", "ur")
ENDINGS = ("sen", "son", "mann", "berg", "ski", "ova", "ez", "ini", "ard", "ström", "feld", "wick", "ton", "idis", "u")
FIRST_ENDINGS = ("a", "e", "ia", "io", "us", "ette", "", "o")
TITLES = ("Head of Sales", "CTO", "CEO", "Buyer", "Plant Manager", "VP Operations", "Head of Data", "Founder")
TRADES = ("Logistics", "Software", "Foods", "Energy", "Health", "Media", "Tools", "Mobility", "Bank", "Textiles")
FORMS = ("", " GmbH", " AB", " Ltd", " Inc.", " SA")


class _Rows:
    """Makes the values of the rows. Ids are random, as the product's are: they say nothing about any order."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def id(self) -> str:
        return f"{self.random.getrandbits(128):032x}"

    def surnames(self) -> list[str]:
        return self.mixed([a + b + c for a in ONSETS for b in MIDDLES for c in ENDINGS])

    def first_names(self) -> list[str]:
        return self.mixed([a + b + c for a in ONSETS for b in MIDDLES[::3] for c in FIRST_ENDINGS])[:600]

    def mixed(self, values: list[str]) -> list[str]:
        return self.random.sample(values, len(values))

    def zipf(self, values: Sequence, exponent: float, count: int) -> list:
        """``count`` draws, the first value the most frequent one."""
        weights = list(accumulate((rank + 1) ** -exponent for rank in range(len(values))))
        return self.random.choices(values, cum_weights=weights, k=count)


def fill(connection: psycopg.Connection, leads: int) -> list[str]:
    """Copy everything into migrated tables; the ids of the companies, the large one first. The caller commits."""
    make = _Rows(SEED)
    companies = [make.id() for _ in range(COMPANIES)]
    reps = [[make.id() for _ in range(REPS if company == companies[0] else REPS_ELSEWHERE)] for company in companies]
    surnames, first_names = make.surnames(), make.first_names()
    _copy(connection, "companies (id, name, created_at)",
          ((company, f"Company {number}", NOW - YEARS) for number, company in enumerate(companies)))
    _copy(connection, "users (id, company_id, email, name, role)",
          _users(make, companies, reps, first_names, surnames))
    firms = _firms(make, companies, leads, surnames)
    _copy(connection, "lead_companies (id, company_id, name, domain, industry)",
          ((firm, company, name, f"{name.lower().replace(' ', '-').strip('.')}-{n}.example", name.split()[1])
           for company, rows in zip(companies, firms, strict=True) for n, (firm, name) in enumerate(rows)))

    contacts = []
    _copy(connection, "leads (id, company_id, lead_company_id, email, phone, first_name, last_name, job_title, "
                      "linkedin_url, status, assigned_to_user_id, assigned_at, last_contacted_at, last_contact_method, "
                      "contact_count, source, enrichment_data, tags, notes, score, created_at, updated_at)",
          _leads(make, leads, companies, reps, firms, first_names, surnames, contacts))
    _copy(connection,
          "contact_attempts (company_id, lead_id, user_id, batch_id, method, direction, notes, occurred_at)",
          ((company, lead, user, batch, method, "outbound", "Talked about the offer.", at)
           for company, lead, user, batch, method, at in contacts))
    _copy(connection, "lead_events (company_id, lead_id, actor_id, batch_id, source, action, before, after, at)",
          ((company, lead, user, batch, "ui", "contacted",
            '{"status": "enriched", "contact_count": 0, "last_contacted_at": null, "last_contact_method": null}',
            json.dumps({"status": "contacted", "contact_count": 1, "last_contacted_at": at.isoformat(),
                        "last_contact_method": method}), at)
           for company, lead, user, batch, method, at in contacts))
    return companies


def _users(make: _Rows, companies: list[str], reps: list[list[str]], first_names: list[str],
           surnames: list[str]) -> Iterator[tuple]:
    for number, (company, ids) in enumerate(zip(companies, reps, strict=True)):
        for place, user in enumerate([*ids, make.id(), make.id()]):
            name = f"{first_names[place]} {surnames[(place * 7 + number) % len(surnames)]}"
            role = "rep" if place < len(ids) else "team_lead" if place == len(ids) else "manager"
            yield user, company, f"user{place}@company{number}.example", name, role


def _firms(make: _Rows, companies: list[str], leads: int, surnames: list[str]) -> list[list[tuple[str, str]]]:
    firms = []
    for number in range(len(companies)):
        share = SHARE if number == 0 else (1 - SHARE) / (len(companies) - 1)
        names = make.random.choices(surnames, k=max(int(leads * share / LEADS_PER_FIRM), 1))
        firms.append([(make.id(), f"{name} {TRADES[place % len(TRADES)]}{FORMS[place % len(FORMS)]}")
                      for place, name in enumerate(names)])
    return firms


def _leads(make: _Rows, leads: int, companies: list[str], reps: list[list[str]], firms: list[list[tuple[str, str]]],
           first_names: list[str], surnames: list[str], contacts: list[tuple]) -> Iterator[tuple]:
    """The rows of leads, the oldest first as they would have arrived; ``contacts`` gets one of some of them."""
    random = make.random
    shares = [SHARE] + [(1 - SHARE) / (len(companies) - 1)] * (len(companies) - 1)
    old, new = ([weights[age] for weights in STATUSES.values()] for age in (0, 1))
    owners = [make.zipf(ids, 0.7, 20_000) for ids in reps]
    facts = [json.dumps({"headcount": random.randint(4, 9000), "location": {"city": random.choice(surnames)},
                         "technologies": random.sample(TRADES, 3), "funding": {"amount_usd": random.randint(0, 10**8)}})
             for _ in range(1000)]
    columns = zip(random.choices(range(len(companies)), weights=shares, k=leads), make.zipf(first_names, 0.8, leads),
                  make.zipf(surnames, 0.8, leads), random.choices(list(STATUSES), weights=old, k=leads),
                  random.choices(list(STATUSES), weights=new, k=leads), strict=True)
    rare_at = leads // 2
    for number, (place, first, last, status_if_old, status_if_new) in enumerate(columns):
        if number >= rare_at and place == 0:
            last, rare_at = RARE_SURNAME, leads
        age = number / leads
        status = status_if_old if age < OLD else status_if_new
        lead, company, (firm, _) = make.id(), companies[place], random.choice(firms[place])
        owner = None if random.random() < STATUSES[status][2] else random.choice(owners[place])
        created = NOW - YEARS * (1 - age)
        was_contacted = status not in ("new", "enriched")
        contacted = created + (NOW - created) * random.random() if was_contacted else None
        method = random.choice(METHODS) if was_contacted else None
        email = f"{first}.{last}{number}@{last}.example".lower() if random.random() < 0.92 else None
        yield (lead, company, firm, email, f"+49 30 {number:07}", first, last, random.choice(TITLES),
               f"https://www.linkedin.com/in/{first}-{last}-{number}", status, owner, contacted if owner else None,
               contacted, method, random.randint(1, 6) if was_contacted else 0, "scraper",
               "{}" if status == "new" else random.choice(facts), "{priority,autumn}" if number % 9 == 0 else "{}",
               "Met at the fair; asked for prices." if number % 7 == 0 else None,
               None if status == "new" else random.randint(0, 100), created, contacted or created)
        if owner and was_contacted and number % 4 == 0:
            contacts.append((company, lead, owner, make.id(), method, contacted))


def _copy(connection: psycopg.Connection, table: str, rows: Iterable[tuple]) -> None:
    said(f"copying {table.partition(' ')[0]}")
    # The tables were emptied in this very transaction, which spares VACUUM its first round.
    with connection.cursor().copy(f"COPY {table} FROM STDIN (FREEZE)") as copy:
        for number, row in enumerate(rows, start=1):
            copy.write_row(row)
            if number % 1_000_000 == 0:
                said(f"{number:,}")


LARGE = ("leads", "lead_companies", "lead_events", "contact_attempts")


@contextmanager
def _indexed_afterwards(connection: psycopg.Connection) -> Iterator[None]:
    """Without the indexes and keys of the large tables, and without looking up every reference, loading takes a third."""
    connection.execute("SET LOCAL session_replication_role = replica")
    connection.execute("SET LOCAL maintenance_work_mem = '1GB'")
    # References go first and come last, since they rest on the keys.
    constraints = connection.execute("""
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE contype IN ('p', 'f')
          AND (conrelid = ANY (%(large)s::text[]::regclass[]) OR confrelid = ANY (%(large)s::text[]::regclass[]))
        ORDER BY contype = 'p'""", {"large": list(LARGE)}).fetchall()
    for table, name, _ in constraints:
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    indexes = connection.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY (%s)",
                                 [list(LARGE)]).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    yield
    for name, definition in indexes:
        said(f"index {name}")
        connection.execute(definition)
    for table, name, definition in reversed(constraints):
        said(f"constraint {name}")
        connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


@contextmanager
def _few_checkpoints(conninfo: str) -> Iterator[None]:
    """A checkpoint for each gigabyte would write every page that is touched again and again in full."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET max_wal_size = '16GB'")
        connection.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            connection.execute("ALTER SYSTEM RESET max_wal_size")
            connection.execute("SELECT pg_reload_conf()")


def ensure(folder: Path, leads: int) -> str:
    """Start the server of this folder and load it unless it holds this many leads; its address."""
    conninfo = postgres.ensure_running(folder)
    prepare(conninfo, leads)
    return conninfo


def prepare(conninfo: str, leads: int) -> None:
    """Give this database the newest tables, and so many leads unless it has them."""
    settings = Settings(statement_timeout_seconds=600)
    engine = db.connect(conninfo, settings)
    schema.upgrade(engine)
    engine.dispose()
    with psycopg.connect(conninfo, options="-c TimeZone=UTC") as connection:
        # Counting them takes long, and leads may have been added since.
        held = connection.execute("SELECT obj_description('leads'::regclass)").fetchone()[0]
        if held != _mark(leads):
            began = time.monotonic()
            said(f"loading {leads:,} leads")
            connection.execute("TRUNCATE companies, idempotency_keys CASCADE")
            with _few_checkpoints(conninfo):
                with _indexed_afterwards(connection):
                    fill(connection, leads)
                connection.execute(f"COMMENT ON TABLE leads IS '{_mark(leads)}'")
                connection.commit()
            _recount(conninfo, settings)
            said(f"loaded in {time.monotonic() - began:.0f} s")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _mark(leads: int) -> str:
    return f"{leads} leads to measure with"


def _recount(conninfo: str, settings: Settings) -> None:
    """The triggers were off while the leads were copied."""
    engine = db.connect(conninfo, settings)
    with Session(engine) as session:
        counts.recount(session)
        session.commit()
    engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__.partition("\n")[0])
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    chosen = parser.parse_args()
    try:
        print(ensure(chosen.folder, chosen.leads))
    finally:
        postgres.release(chosen.folder)


if __name__ == "__main__":
    main()
