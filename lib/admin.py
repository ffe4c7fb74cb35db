"""Lead Desk from the server's command line: the first manager, users and tokens, and a person's data.

``python -m lib.admin --help`` tells the commands. It works on the database that the app would work on, and brings its
schema up to date first. Each command is one transaction: done, or nothing at all. The answer goes to the standard
output, everything else to the standard error; the status is 0 when done, 1 when refused and 2 for a wrong command line.
"""

import argparse
import json
import sys
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Row, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from lib import company, db, persons, postgres, schema, team, tokens
from lib.auth import operator
from lib.config import settings
from lib.errors import Invalid, LeadDeskError, NotFound, OutcomeUnknown
from lib.fields import to_json
from lib.models import ApiToken, Company, Role, User

Command = Callable[[Session, argparse.Namespace, datetime], str]


def create_company(session: Session, given: argparse.Namespace, now: datetime) -> str:
    company_id = company.create(session, given.name, time_zone=given.time_zone, now=now)
    team.invite(session, operator(company_id), email=given.manager_email, name=given.manager_name, role=Role.MANAGER,
                takes_leads=False, now=now)
    return f"{given.name} is set up. {given.manager_name} manages it and signs in as {given.manager_email}."


def create_user(session: Session, given: argparse.Namespace, now: datetime) -> str:
    actor = operator(_company(session, given.company))
    if given.service:
        team.add_service_user(session, actor, name=given.name, role=given.role or Role.TEAM_LEAD, now=now)
        return f"The service user {given.name} is added. It acts through API tokens."
    if not given.email:
        raise Invalid.field("email", "Give --email, or --service for a user that never signs in.")
    team.invite(session, actor, email=given.email, name=given.name, role=given.role or Role.REP,
                time_zone=given.time_zone, now=now)
    return f"{given.name} has access and signs in as {given.email}. Nothing was mailed."


def create_token(session: Session, given: argparse.Namespace, now: datetime) -> str:
    user = _user(session, given.user, given.company)
    expires_at = now + timedelta(days=given.expires) if given.expires else None
    _, token = tokens.create(session, operator(user.company_id), user_id=user.id, name=given.name,
                             scopes=[each.strip() for each in given.scopes.split(",")], expires_at=expires_at, now=now)
    _aside(f"The token of {user.name}, shown this once" + (f", until {expires_at:%Y-%m-%d %H:%M} UTC:" if expires_at
                                                           else ":"))
    return token


def revoke_token(session: Session, given: argparse.Namespace, now: datetime) -> str:
    token = session.execute(select(ApiToken.company_id, ApiToken.name).where(ApiToken.id == given.id)).one_or_none()
    if token is None:
        raise NotFound("There is no such token. “list” tells their ids.")
    is_ended = tokens.revoke(session, operator(token.company_id), given.id, now=now)
    return f"The token {token.name} is revoked." if is_ended else f"The token {token.name} was revoked before."


def list_all(session: Session, _given: argparse.Namespace, now: datetime) -> str:
    lines = []
    for each in session.execute(select(Company.id, Company.name).order_by(func.lower(Company.name))).all():
        actor = operator(each.id)
        lines.append(each.name)
        for user in team.everybody(session, actor):
            state = "left" if not user.is_active else "API only" if user.is_service else "active"
            address = "" if user.is_service else f" <{user.email}>"
            lines.append(f"  {user.name}{address}, {user.role}, {state}, {user.open_leads:,} open "
                         f"lead{'' if user.open_leads == 1 else 's'}")
        for token in tokens.of_company(session, actor):
            is_over = token.expires_at is not None and token.expires_at <= now
            lines.append(f"  token {token.id} {token.name} (…{token.hint}) of {token.user}, "
                         f"{' and '.join(token.scopes)}, "
                         f"{'revoked' if token.revoked_at else 'expired' if is_over else 'works'}")
    return "\n".join(lines) or "There is no company yet. “create-company” sets the first one up."


def export_person(session: Session, given: argparse.Namespace, now: datetime) -> str:
    found = persons.find(session, given.email, company_id=given.company and _company(session, given.company))
    return json.dumps(persons.collected(session, found, now=now), default=to_json, ensure_ascii=False, indent=2)


def erase_person(session: Session, given: argparse.Namespace, now: datetime) -> str:
    found = persons.find(session, given.email, company_id=given.company and _company(session, given.company))
    leads = f"{len(found.leads)} lead{'s' * (len(found.leads) != 1)}"
    if not given.yes:
        user = f" and the user {found.user.name}" if found.user is not None else ""
        raise Invalid(f"This would erase {leads}{user} for good. Add --yes to do it.")
    erased = persons.erase(session, found, now=now)
    done = f"Erased: {leads}{' and a user' * erased.users}."
    if erased.mentioned:
        done += (f" The history of {erased.mentioned} other leads mentions the address, as it was theirs once or "
                 "passed on to them.")
    return done + " Backups and logs are yours to look after."


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="python -m lib.admin", description="Lead Desk from the server's command line. "
                                   "It works on the database that the app works on: DATABASE_URL, or the embedded one.")
    commands = root.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, work: Command, told: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=told, description=told)
        added.set_defaults(work=work)
        return added

    add = command("create-company", create_company, "Set up a company and its first manager.")
    add.add_argument("name", help="what the company is called")
    add.add_argument("--manager-email", required=True, metavar="EMAIL", help="the address that they sign in with")
    add.add_argument("--manager-name", required=True, metavar="NAME")
    add.add_argument("--time-zone", default="UTC", metavar="ZONE", help="such as Europe/Berlin (default: UTC)")

    add = command("create-user", create_user, "Give somebody access to a company.")
    add.add_argument("--name", required=True)
    add.add_argument("--email", help="the address that they sign in with")
    add.add_argument("--role", choices=list(map(str, Role)), help="default: rep, and team_lead for a service user")
    add.add_argument("--time-zone", metavar="ZONE", help="such as Europe/Berlin (default: their browser's)")
    add.add_argument("--service", action="store_true", help="a user for a machine, which never signs in")

    token = command("create-token", create_token, "Make an API token and print it, this once.")
    token.add_argument("--user", required=True, metavar="EMAIL_OR_NAME",
                       help="whom it acts as: an address, or the name of a service user")
    token.add_argument("--name", required=True, help="what uses it")
    token.add_argument("--scopes", default="read,write", help="some of read,write (default: both)")
    token.add_argument("--expires", type=_days, metavar="DAYS", help="after how many days it ends (default: never)")

    revoke = command("revoke-token", revoke_token, "End an API token at once.")
    revoke.add_argument("id", type=uuid.UUID, help="as “list” tells it")

    command("list", list_all, "List companies, their users and their tokens.")
    export = command("export-person", export_person, "Print everything that is stored about a person, as JSON.")
    erase = command("erase-person", erase_person,
                    "Erase a person: delete their leads with contacts and history, and take name and address out of their "
                    "user. This cannot be undone.")
    erase.add_argument("--yes", action="store_true", help="do it; without, what would be erased is told")
    for each in (export, erase):
        each.add_argument("email", help="the address of a lead, a user or both")
    for each in (add, token, export, erase):
        each.add_argument("--company", metavar="NAME", help="which company, where there are several")
    return root


def run(arguments: Sequence[str]) -> int:
    """One command on the database that the process uses; the status. Prints the answer, or why there is none."""
    given = parser().parse_args(arguments)
    try:
        with db.transaction() as session:
            # A large company's history takes longer than a page may wait.
            session.execute(text("SET LOCAL statement_timeout = 0"))
            answer = given.work(session, given, datetime.now(UTC))
    except OutcomeUnknown as error:
        _aside(f"{error} Look with “list” before you try again.")
        return 1
    except LeadDeskError as error:
        _aside(f"Nothing was changed. {error}")
        return 1
    print(answer)
    return 0


def main(arguments: Sequence[str]) -> int:
    """``run`` on the configured database, brought up to date."""
    parser().parse_args(arguments)
    try:
        chosen = settings()
        conninfo = postgres.ensure_running(chosen.data_folder) if chosen.is_demo else chosen.database_url
        engine = db.connect(conninfo, chosen)
        try:
            schema.upgrade(engine)
            db.use(engine)
            return run(arguments)
        finally:
            engine.dispose()
            if chosen.is_demo:
                postgres.release(chosen.data_folder)
    except (LeadDeskError, DBAPIError) as error:
        _aside(f"Nothing was changed. {error}")
        return 1


def _company(session: Session, name: str | None) -> uuid.UUID:
    """The company of this name, or the only one there is."""
    found = {row.name: row.id for row in session.execute(select(Company.id, Company.name).order_by(Company.name))}
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name is None and found:
        raise Invalid(f"There are several companies; choose one with --company: {', '.join(found)}.")
    if name not in found:
        raise NotFound(f"There is no company “{name}”." if name else
                       "There is no company yet: begin with create-company.")
    return found[name]


def _user(session: Session, who: str, company_name: str | None) -> Row:
    """The user with this address, or the service user of this name."""
    query = select(User.id, User.name, User.company_id).where(
        (func.lower(User.email) == who.strip().lower()) | (User.is_service & (User.name == who)))
    if company_name is not None:
        query = query.where(User.company_id == _company(session, company_name))
    found = session.execute(query).all()
    if len(found) > 1:
        raise Invalid(f"There are {len(found)} service users “{who}”; choose a company with --company, or use Settings.")
    if not found:
        raise NotFound(f"There is no user {who}.")
    return found[0]


def _days(text_: str) -> int:
    days = int(text_)
    if not 1 <= days <= 3650:
        raise argparse.ArgumentTypeError("it has to be 1 to 3650 days")
    return days


def _aside(sentence: str) -> None:
    print(sentence, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
