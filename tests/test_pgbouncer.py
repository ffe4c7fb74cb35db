"""Lead Desk on a PgBouncer in transaction mode, configured by docs/deploy/pgbouncer.ini."""

import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Engine, delete, text
from sqlalchemy.orm import Session
from streamlit.testing.v1 import AppTest

from lib import db, schema, tokens
from lib.config import ROOT, Settings
from lib.models import Company
from lib.ui import desk as desks
from lib.ui.desk import Desk
from tests.browser.app import App
from tests.browser.deployed import PgBouncer
from tests.factories import Cast, make_cast, make_lead, row

BY_TRANSACTION = {"DATABASE_POOL_MODE": "transaction"}


@pytest.fixture(scope="module")
def bouncer(server: str, engine: Engine, tmp_path_factory) -> Iterator[PgBouncer]:
    address = conninfo_to_dict(server)
    if not str(address.get("host", "")).startswith("/"):
        pytest.skip("needs the embedded server, which trusts whoever reaches its socket")
    bouncer = PgBouncer(tmp_path_factory.mktemp("pgbouncer") / "pgbouncer", address["host"])
    yield bouncer
    bouncer.stop()


@pytest.fixture
def through(bouncer: PgBouncer) -> Iterator[Engine]:
    """Every transaction of this process goes through PgBouncer."""
    engine = db.connect(bouncer.address, Settings.load(BY_TRANSACTION))
    db.use(engine)
    yield engine
    db.use(None)
    engine.dispose()


@pytest.fixture
def team(through: Engine) -> Iterator[Cast]:
    with Session(through, expire_on_commit=False) as session:
        cast = make_cast(session)
        session.commit()
    yield cast
    with Session(through) as session:
        session.execute(delete(Company).where(Company.id.in_([cast.alice.company_id, cast.olga.company_id])))
        session.commit()


@pytest.fixture
def rita(through: Engine, team: Cast) -> uuid.UUID:
    with Session(through) as session:
        found = make_lead(session, team.alice, owner=team.alice, first_name="Rita", last_name="Ready",
                          status="enriched")
        session.commit()
    return found


def test_a_page_shows_and_an_edit_is_saved(through, team, rita, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    app = AppTest.from_file(str(ROOT / "lib" / "shell.py"), default_timeout=60)
    app.session_state["as"] = str(team.alice.user_id)
    app.run()
    assert not app.exception
    assert {each.label: each.value for each in app.metric}["My leads"] == "1"

    desk = Desk()
    for seen, value in (("enriched", "contacted"), ("contacted", "qualified")):
        desks.change_cell(desk, team.alice.user_id, rita, "status", seen=seen, value=value, lead="Rita Ready")

    assert [notice.text for notice in desk.outbox] == ["Status of Rita Ready saved."] * 2
    with Session(through) as session:
        assert row(session, rita).status == "qualified"


def test_many_at_once_share_few_connections_and_nothing_is_lost(through, team, bouncer):
    with Session(through) as session:
        leads = [make_lead(session, team.alice, owner=team.alice, status="new") for _ in range(24)]
        session.commit()

    def work(lead: uuid.UUID) -> list[str]:
        desk = Desk()
        desks.change_cell(desk, team.alice.user_id, lead, "score", seen=None, value=7, lead="it")
        return [notice.text for notice in desk.outbox]

    with ThreadPoolExecutor(len(leads)) as people:
        said = list(people.map(work, leads))

    assert said == [["Score of it saved."]] * 24
    with Session(through) as session:
        assert [row(session, lead).score for lead in leads] == [7] * 24


def test_a_setting_of_one_transaction_is_not_the_next_ones(through, bouncer):
    with db.transaction() as session:
        assert session.scalar(text("SHOW statement_timeout")) == "15s"

    with psycopg.connect(bouncer.address, prepare_threshold=None, autocommit=True) as other:
        for _ in range(5):
            assert other.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_the_schema_is_brought_up_to_date_through_it_by_one_of_those_who_start_at_once(server, bouncer):
    name = f"fresh_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        fresh = PgBouncer(Path(bouncer.folder).with_name(name), conninfo_to_dict(server)["host"], database=name)
        engines = [db.connect(fresh.address, Settings.load(BY_TRANSACTION)) for _ in range(2)]
        try:
            with ThreadPoolExecutor(2) as processes:
                list(processes.map(schema.upgrade, engines))
            with engines[0].connect() as connection:
                assert schema.is_current(connection)
        finally:
            for engine in engines:
                engine.dispose()
            fresh.stop()
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_process_of_its_own_is_ready_and_saves_what_comes_by_the_api(through, team, bouncer, tmp_path):
    with Session(through) as session:
        _, token = tokens.create(session, team.mona, user_id=team.mona.user_id, name="N8N", now=datetime.now(UTC))
        session.commit()
    # A team's own database, where people sign in at a proxy.
    app = App(tmp_path, DATABASE_URL=bouncer.address, DATABASE_POOL_MODE="transaction", TRUSTED_PROXY="127.0.0.1",
              FORWARDED_ALLOW_IPS="", STREAMLIT_SERVER_TRUSTED_USER_HEADERS='{"X-Auth-Request-Email": "email"}')
    app.start()
    try:
        with urllib.request.urlopen(f"{app.url}/api/health", timeout=30) as answer:
            assert answer.status == 200
        request = urllib.request.Request(
            f"{app.url}/api/leads", b'{"email": "ada@example.com"}', method="POST",
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 201
    finally:
        app.stop()

    with Session(through) as session:
        assert session.scalar(text("SELECT count(*) FROM leads WHERE company_id = :id AND email = 'ada@example.com'"),
                              {"id": team.mona.company_id}) == 1
