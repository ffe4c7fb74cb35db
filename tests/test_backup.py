"""docs/deploy/backup.sh and restore.sh, with the programs of the embedded PostgreSQL."""

import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from lib import leads, postgres, schema
from lib.config import ROOT
from lib.leads import Edit
from tests.factories import Cast, make_lead

DEPLOY = ROOT / "docs" / "deploy"


def run(script: str, *arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    programs = postgres._programs()
    return subprocess.run([DEPLOY / script, *arguments], capture_output=True, text=True, timeout=120,
                          env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"} | environ)


def contents(address: str) -> dict[str, tuple[int, str]]:
    """How many rows each table has, and a digest of all of them."""
    with psycopg.connect(address) as connection:
        tables = [name for name, in connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'").fetchall()]
        return {table: connection.execute(
            f'SELECT count(*), coalesce(md5(string_agg(md5(t::text), \'\' ORDER BY t::text)), \'\') FROM "{table}" t'
        ).fetchone() for table in tables}


@pytest.fixture
def empty(server: str) -> Iterator[str]:
    """A database with nothing in it."""
    name = f"restored_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield make_conninfo(server, dbname=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def worked_on(server: str, engine: Engine, committed_cast: Cast) -> str:
    """The address of a database with leads and their history in it."""
    with Session(engine) as session:
        ids = [make_lead(session, committed_cast.alice, owner=committed_cast.alice, last_name=f"Ready “{number}”\n")
               for number in range(5)]
        leads.edit(session, committed_cast.alice, [Edit(each, "score", None, 7) for each in ids])
        session.commit()
    return server


@pytest.fixture
def backup(worked_on: str, tmp_path: Path) -> Path:
    made = run("backup.sh", tmp_path / "backups", DATABASE_URL=worked_on)
    assert made.returncode == 0, made.stderr
    return Path(made.stdout.strip())


@pytest.fixture
def opened(empty: str) -> Iterator[Callable[[], Engine]]:
    engines = []

    def connect() -> Engine:
        engines.append(create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(empty)))
        return engines[-1]
    yield connect
    for engine in engines:
        engine.dispose()


def test_a_backup_is_restored_row_by_row(worked_on, backup, empty, opened):
    restored = run("restore.sh", backup, RESTORE_URL=empty)

    assert restored.returncode == 0, restored.stderr
    before = contents(worked_on)
    assert contents(empty) == before
    assert before["leads"][0] >= 5 and before["lead_events"][0] >= 5
    with opened().connect() as connection:
        assert schema.is_current(connection)
        schema.check(connection)


def test_what_protects_the_history_is_restored_too(backup, empty, opened):
    assert run("restore.sh", backup, RESTORE_URL=empty).returncode == 0

    with opened().connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text("UPDATE lead_events SET action = 'nothing'"))


def test_nobody_but_its_owner_reads_a_backup(backup):
    assert backup.stat().st_mode & 0o777 == 0o600
    assert backup.parent.stat().st_mode & 0o777 == 0o700
    assert backup.name.endswith("Z.dump") and list(backup.parent.iterdir()) == [backup]


def test_nothing_is_restored_over_what_is_there(worked_on, backup):
    before = contents(worked_on)

    refused = run("restore.sh", backup, RESTORE_URL=worked_on)

    assert refused.returncode == 1 and "Restore into an empty one" in refused.stderr
    assert contents(worked_on) == before


def test_a_damaged_backup_leaves_the_database_empty(backup, empty):
    whole = backup.read_bytes()
    backup.write_bytes(whole[:len(whole) * 2 // 3])

    assert run("restore.sh", backup, RESTORE_URL=empty).returncode != 0
    assert contents(empty) == {}


def test_a_backup_that_fails_leaves_no_file_and_says_so_by_its_status(worked_on, tmp_path):
    folder = tmp_path / "backups"

    failed = run("backup.sh", folder, DATABASE_URL=make_conninfo(worked_on, dbname="nowhere"))

    assert failed.returncode != 0 and "nowhere" in failed.stderr
    assert list(folder.iterdir()) == []


def test_backups_that_are_too_old_go_once_a_new_one_is_there(worked_on, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    for name, days in (("lead-desk-old.dump", 40), ("lead-desk-recent.dump", 20), ("something-else.dump", 40)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - days * 86_400,) * 2)

    assert run("backup.sh", folder, DATABASE_URL=make_conninfo(worked_on, dbname="nowhere")).returncode != 0
    assert (folder / "lead-desk-old.dump").exists()

    made = run("backup.sh", folder, DATABASE_URL=worked_on)
    assert {each.name for each in folder.iterdir()} == {Path(made.stdout.strip()).name, "lead-desk-recent.dump",
                                                        "something-else.dump"}


@pytest.mark.parametrize("script", ["backup.sh", "restore.sh"])
def test_a_script_without_what_it_needs_does_nothing(script):
    assert run(script).returncode != 0
