"""The demo's sample team: two companies, their people, and leads whose histories agree with their rows.

Every lead is lived through step by step, and each step writes its event beside the change, as the application does. So
the timeline, Undo, time in stage and the four numbers all tell one story. The same ``now`` always gives the same team.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

from sqlalchemy import insert, null, select, text
from sqlalchemy.orm import Session

from lib import sample_words as words
from lib.models import Base, Company, ContactAttempt, Lead, LeadCompany, LeadEvent, Role, Status, User
from lib.sample_lives import Teller
from lib.sample_values import days_before, random_uuid, slug
from lib.sample_words import NOBODY, Person, Team

Rows = dict[type[Base], list[dict[str, Any]]]

# Any constant will do, as long as it is not that of another lock.
LOAD_LOCK = 5_323_375_119
SEED = 20_260_210


def load_once(session: Session, now: datetime | None = None) -> bool:
    """Load the sample team into a database without any company; whether it was this call that did so."""
    # Of two processes that start at once the second waits here, and then finds the companies of the first.
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOAD_LOCK})
    if session.scalar(select(Company.id).limit(1)):
        return False
    for model, rows in make(now or datetime.now(UTC)).items():
        statement = insert(model.__table__)
        if model is Lead:
            # None in a JSON column would become JSON's null, which is something else than no enrichment at all.
            bare = [row for row in rows if "enrichment_data" not in row]
            session.execute(statement.values(enrichment_data=null()), bare)
            rows = [row for row in rows if "enrichment_data" in row]
        session.execute(statement, rows)
    return True


def make(now: datetime) -> Rows:
    """The rows of both teams by table, in the order to insert them; events in the order in which they happened.

    A lead without the key ``enrichment_data`` is one whose column is NULL.
    """
    rng = Random(SEED)
    rows: Rows = {Company: [], User: [], LeadCompany: [], Lead: [], ContactAttempt: [], LeadEvent: []}
    for number, team in enumerate(words.TEAMS):
        _add_team(rng, rows, team, words.EDGES if number == 0 else (), now.astimezone(UTC))
    rows[ContactAttempt].sort(key=lambda row: row["created_at"])
    rows[LeadEvent].sort(key=lambda row: row["at"])
    return rows


def _add_team(rng: Random, rows: Rows, team: Team, edges: Sequence[Mapping[str, Any]], now: datetime) -> None:
    founded = days_before(now, team.people[0].joined + 5)
    company_id = random_uuid(rng)
    users = {person.name: _user(rng, company_id, team, person, now) for person in team.people if person.name != NOBODY}
    teller = Teller(rng, company_id, team, {name: user["id"] for name, user in users.items()}, founded, now)
    of_id = {str(user["id"]): user for user in users.values()}
    for person, status, is_due, edge in _places(team, edges):
        life = teller.tell(person, status, is_due, edge)
        rows[Lead].append(life.row)
        rows[ContactAttempt] += life.attempts
        rows[LeadEvent] += life.events
        for event in life.events:
            if to := event["after"].get("assigned_to_user_id"):
                # The round robin goes on where the history leaves off.
                of_id[to]["last_assigned_at"] = max(of_id[to]["last_assigned_at"] or event["at"], event["at"])
    rows[Company].append({"id": company_id, "name": team.company, "created_at": founded, "updated_at": founded})
    rows[User] += users.values()
    rows[LeadCompany] += [firm.row for firm in teller.firms]


def _places(team: Team, edges: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Person, Status, bool, Mapping[str, Any]]]:
    """Every lead of a team to be: its owner, its status, whether it is due, and the edge that it is, if any."""
    waiting = {status: [edge for edge in edges if edge["status"] is status] for status in Status}
    for person in team.people:
        contacted, conversing = person.leads[2:4]
        due = {Status.CONTACTED: round(person.due * contacted / max(contacted + conversing, 1))}
        due[Status.CONVERSING] = person.due - due[Status.CONTACTED]
        for status, count in zip(Status, person.leads, strict=True):
            for number in range(count):
                # Edges take every other place in the first queue that a visitor sees.
                is_edge = person is team.people[0] and number % 2 and waiting[status]
                yield person, status, number < due.get(status, 0), waiting[status].pop(0) if is_edge else {}


def _user(rng: Random, company_id: uuid.UUID, team: Team, person: Person, now: datetime) -> dict[str, Any]:
    joined = days_before(now, person.joined)
    away = person.away > 0
    return {
        "id": random_uuid(rng), "company_id": company_id, "name": person.name, "role": person.role.value,
        "email": f"{slug(person.name, '.')}@{team.domain}", "is_active": not person.left,
        "takes_leads": person.role is Role.REP, "away_from": days_before(now, person.away) if away else None,
        "away_until": days_before(now, -5) if away else None, "last_assigned_at": None, "created_at": joined,
        "updated_at": days_before(now, person.left or person.away) if person.left or away else joined,
    }
