"""``python -m lib.admin``: the first manager of an empty database, users and tokens, and a person's data."""

import json
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy import func, select, update

from lib import admin, tokens
from lib.config import ROOT
from lib.models import ApiToken, Company, Lead, User
from tests.factories import make_lead, make_user, settings_events, user_row


@pytest.fixture
def command(session, capsys):
    """Runs a command: its status, what it answered, and what it said aside."""
    def run(*arguments):
        status = admin.run(arguments)
        told = capsys.readouterr()
        return status, told.out.strip(), told.err.strip()
    return run


def user_of(session, email):
    return session.execute(select(*User.__table__.columns).where(User.email == email)).one()


# ---------------------------------------------------------------- people


def test_a_company_is_set_up_with_its_first_manager(session, command):
    status, said, _ = command("create-company", "New Ventures", "--manager-email", "Nora@New.example",
                              "--manager-name", "Nora Nord", "--time-zone", "Europe/Oslo")

    assert (status, said) == (0, "New Ventures is set up. Nora Nord manages it and signs in as Nora@New.example.")
    nora = user_of(session, "nora@new.example")
    assert (nora.role, nora.is_active, nora.takes_leads) == ("manager", True, False)
    company = session.get_one(Company, nora.company_id)
    assert (company.name, company.time_zone) == ("New Ventures", "Europe/Oslo")


@pytest.mark.parametrize("given", [
    ["--manager-email", "nobody"], ["--time-zone", "Mars/Olympus"], ["--manager-name", ""]])
def test_a_company_without_its_manager_is_not_set_up_at_all(session, command, given):
    before = session.scalar(select(func.count()).select_from(Company))
    values = {"--manager-email": "nora@new.example", "--manager-name": "Nora", "--time-zone": "UTC"}
    values[given[0]] = given[1]

    status, said, why = command("create-company", "New Ventures", *(part for pair in values.items() for part in pair))

    assert (status, said) == (1, "")
    assert why.startswith("Nothing was changed. ")
    assert session.scalar(select(func.count()).select_from(Company)) == before


def test_a_user_is_added_to_the_company_that_is_named(session, cast, command):
    asked = ("create-user", "--name", "Nina New", "--email", "nina@acme.example", "--role", "team_lead")

    status, _, why = command(*asked)
    assert (status, "choose one with --company: Acme Outbound, Initech Sales" in why) == (1, True)
    status, _, why = command(*asked, "--company", "Nobody Ltd")
    assert (status, why) == (1, "Nothing was changed. There is no company “Nobody Ltd”.")
    assert command(*asked, "--company", "Acme Outbound")[0] == 0

    nina = user_of(session, "nina@acme.example")
    assert (nina.company_id, nina.role) == (cast.mona.company_id, "team_lead")
    [event] = settings_events(session, cast.mona)
    assert (event.action, event.actor_id, event.source) == ("invited", None, "system")


def test_without_a_company_the_way_to_begin_is_told(session, command):
    session.execute(Company.__table__.delete())

    assert command("list")[1] == "There is no company yet. “create-company” sets the first one up."
    assert "begin with create-company" in command("create-user", "--name", "N", "--email", "n@x.example")[2]


# ---------------------------------------------------------------- tokens


def test_a_token_is_printed_by_itself_and_works(session, cast, command):
    command("create-user", "--name", "N8N", "--service", "--company", "Acme Outbound")

    status, token, aside = command("create-token", "--user", "N8N", "--name", "Production", "--scopes", "read",
                                   "--expires", "30")

    assert status == 0 and aside.startswith("The token of N8N, shown this once, until ")
    caller = tokens.sign_in(session, token, now=datetime.now(UTC))
    assert (caller.actor.name, caller.actor.role, caller.scopes) == ("N8N", "team_lead", {"read"})
    ends = session.scalar(select(ApiToken.expires_at).where(ApiToken.id == caller.token_id))
    assert timedelta(days=29) < ends - datetime.now(UTC) <= timedelta(days=30)

    said = command("list")[1]
    assert str(caller.token_id) in said and token not in said
    assert command("revoke-token", str(caller.token_id))[1] == "The token Production is revoked."
    assert command("revoke-token", str(caller.token_id))[1] == "The token Production was revoked before."
    assert command("revoke-token", str(uuid.uuid4()))[0] == 1


def test_a_token_is_made_by_the_users_address_too(session, cast, command):
    session.execute(update(User).where(User.id == cast.bob.user_id).values(email="bob@acme.example"))

    assert command("create-token", "--user", "Bob@Acme.example", "--name", "Script")[0] == 0
    assert command("create-token", "--user", "Bob Brown", "--name", "Script")[2] == (
        "Nothing was changed. There is no user Bob Brown.")
    assert command("create-token", "--user", "bob@acme.example", "--name", "S", "--scopes", "all")[0] == 1

    assert session.scalars(select(ApiToken.name).where(ApiToken.user_id == cast.bob.user_id)).all() == ["Script"]


@pytest.mark.parametrize("arguments", [
    [], ["fly"], ["create-token", "--user", "x"], ["revoke-token", "x"], ["erase-person"],
    ["create-token", "--user", "x", "--name", "y", "--expires", "0"], ["create-user", "--name", "x", "--role", "boss"]])
def test_a_wrong_command_line_is_told_with_status_2(command, arguments):
    with pytest.raises(SystemExit) as ended:
        command(*arguments)

    assert ended.value.code == 2


def test_everybody_is_listed(session, cast, command):
    make_lead(session, cast.alice, owner=cast.alice)
    make_user(session, cast.mona.company_id, "N8N", is_service=True)

    said = command("list")[1]

    assert "Acme Outbound\n" in said and "Lea Lang" in said and "left" in said
    assert f"  Alice Adams <{user_row(session, cast.alice.user_id).email}>, rep, active, 1 open lead\n" in said
    assert "\n  N8N, rep, API only, 0 open leads\n" in said


# ---------------------------------------------------------------- a person's data


def test_a_persons_data_is_handed_out_as_json(session, cast, command):
    make_lead(session, cast.alice, email="ada@person.example", notes="Likes tëa")

    status, said, _ = command("export-person", "ada@person.example")

    assert status == 0 and "tëa" in said
    assert json.loads(said)["leads"][0]["notes"] == "Likes tëa"
    assert command("export-person", "nobody@person.example")[0] == 1
    assert command("export-person", "ada@person.example", "--company", "Initech Sales")[0] == 1


def test_nobody_is_erased_by_accident(session, cast, command):
    lead = make_lead(session, cast.alice, email="ada@person.example")

    status, _, why = command("erase-person", "ada@person.example")
    assert (status, why) == (1, "Nothing was changed. This would erase 1 lead for good. Add --yes to do it.")
    assert session.scalar(select(func.count()).where(Lead.id == lead)) == 1

    status, said, _ = command("erase-person", "ada@person.example", "--yes")
    assert (status, said) == (0, "Erased: 1 lead. Backups and logs are yours to look after.")
    assert session.scalar(select(func.count()).where(Lead.id == lead)) == 0


def test_whoever_owns_open_leads_is_not_erased_and_neither_is_the_lead_of_their_address(session, cast, command):
    email = user_row(session, cast.bob.user_id).email
    make_lead(session, cast.bob, owner=cast.bob)
    lead = make_lead(session, cast.alice, email=email)

    status, _, why = command("erase-person", email, "--yes")

    assert status == 1 and "Bob Brown owns 1 open lead." in why
    assert session.scalar(select(func.count()).where(Lead.id == lead)) == 1
    assert user_row(session, cast.bob.user_id).name == "Bob Brown"


# ---------------------------------------------------------------- from the shell


@pytest.fixture
def empty_database(server):
    name = f"admin_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield make_conninfo(server, dbname=name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def shell(database, *arguments):
    return subprocess.run([sys.executable, "-m", "lib.admin", *arguments], cwd=ROOT, capture_output=True, text=True,
                          timeout=120, env={**os.environ, "DATABASE_URL": database})


def test_one_command_makes_the_first_manager_of_an_empty_database(empty_database):
    done = shell(empty_database, "create-company", "Acme", "--manager-email", "mona@acme.example", "--manager-name",
                 "Mona Meyer")
    again = shell(empty_database, "create-company", "Acme Two", "--manager-email", "mona@acme.example",
                  "--manager-name", "Mona Meyer")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Acme is set up. Mona Meyer manages it and signs in as mona@acme.example.\n"
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "Nothing was changed. This address is already used in Lead Desk.\n"
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT name FROM companies").fetchall() == [("Acme",)]


def test_a_database_that_does_not_answer_is_told_in_one_sentence():
    done = shell("postgresql://nobody@localhost:1/none", "list")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Nothing was changed. The database cannot be reached")
    assert "Traceback" not in done.stderr
