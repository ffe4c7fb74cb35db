"""The demo's sample team: two companies, their people, and leads whose histories agree with their rows.

Every lead is lived through step by step, and each step writes its event beside the change, as the application does. So
the timeline, Undo, time in stage and the four numbers all tell one story. The same ``now`` always gives the same team.
"""

import unicodedata
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import insert, null, select, text
from sqlalchemy.orm import Session

from lib import sample_words as words
from lib.fields import to_json
from lib.models import (Base, Company, ContactAttempt, ContactOutcome, Direction, Lead, LeadCompany, LeadEvent,
                        LostReason, Role, Status, User)
from lib.outcomes import SUMMARIES, implied_status
from lib.sample_words import NOBODY, Person, Team

Rows = dict[type[Base], list[dict[str, Any]]]

# Any constant will do, as long as it is not that of another lock.
LOAD_LOCK = 5_323_375_119
SEED = 20_260_210
DIRECTIONS = {"o": (Direction.OUTBOUND, "contacted"), "i": (Direction.INBOUND, "responded")}


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


# ---------------------------------------------------------------- companies, people and firms


def _add_team(rng: Random, rows: Rows, team: Team, edges: Sequence[Mapping[str, Any]], now: datetime) -> None:
    founded = _days_before(now, team.people[0].joined + 5)
    company_id = _uuid(rng)
    users = {person.name: _user(rng, company_id, team, person, now) for person in team.people if person.name != NOBODY}
    teller = _Teller(rng, company_id, team, {name: user["id"] for name, user in users.items()}, founded, now)
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
    joined = _days_before(now, person.joined)
    away = person.away > 0
    return {
        "id": _uuid(rng), "company_id": company_id, "name": person.name, "role": person.role.value,
        "email": f"{_slug(person.name, '.')}@{team.domain}", "is_active": not person.left,
        "takes_leads": person.role is Role.REP, "away_from": _days_before(now, person.away) if away else None,
        "away_until": _days_before(now, -5) if away else None, "last_assigned_at": None, "created_at": joined,
        "updated_at": _days_before(now, person.left or person.away) if person.left or away else joined,
    }


@dataclass(frozen=True, slots=True)
class _Firm:
    """A firm's row, and what enrichment finds out about everybody who works there."""

    row: dict[str, Any]
    city: str
    phone: str
    region: str
    facts: dict[str, Any]


def _firm(rng: Random, company_id: uuid.UUID, name: str, industry: str, founded: datetime) -> _Firm:
    country, cities, phone, region = rng.choice(words.COUNTRIES)
    city, (funding, millions) = rng.choice(cities), rng.choice(words.ROUNDS)
    facts = {
        "headcount": int(rng.lognormvariate(5, 1.1)) + 4,
        "technologies": sorted(rng.sample(words.TECHNOLOGIES, rng.randint(2, 6))),
        "funding": {"round": funding, "amount_usd": round(millions * rng.uniform(0.6, 1.5)) * 1_000_000 or None},
        "location": {"city": city, "country": country},
    }
    row = {"id": _uuid(rng), "company_id": company_id, "name": name, "industry": industry,
           "domain": f"{_slug(name)[:50].strip('-') or 'firm-' + _digits(rng, '####')}.example",
           "created_at": founded, "updated_at": founded}
    return _Firm(row, city, phone, region, facts)


# ---------------------------------------------------------------- the story of one lead


class _Life:
    """A lead's row, and the contacts and events that made it what it is."""

    def __init__(self, rng: Random, company_id: uuid.UUID, lead_company_id: uuid.UUID | None, born: datetime,
                 values: Mapping[str, Any], source: str, actor: uuid.UUID | None) -> None:
        self._rng = rng
        self.row: dict[str, Any] = {column.name: None for column in Lead.__table__.columns} | {
            "id": _uuid(rng), "company_id": company_id, "lead_company_id": lead_company_id, "status": Status.NEW.value,
            "contact_count": 0, "response_count": 0, "enrichment_data": {}, "tags": [], "created_at": born}
        self.attempts: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.said: list[tuple] = []
        self.thread = "Your message"
        given = {name: value for name, value in values.items() if value is not None}
        self.change("created", born, given, actor, source=source, before={})

    def change(self, action: str, at: datetime, after: Mapping[str, Any], actor: uuid.UUID | None, *,
               source: str = "ui", before: Mapping[str, Any] | None = None, batch_id: uuid.UUID | None = None) -> None:
        before = {column: self.row[column] for column in after} if before is None else before
        self.row |= dict(after) | {"updated_at": at}
        self.events.append({
            "company_id": self.row["company_id"], "lead_id": self.row["id"], "batch_id": batch_id or _uuid(self._rng),
            "actor_id": actor, "source": source, "action": action, "at": at,
            "before": {column: to_json(value) for column, value in before.items()},
            "after": {column: to_json(value) for column, value in after.items()}})

    def enrich(self, at: datetime, found: Mapping[str, Any]) -> None:
        """What N8N finds out fills the contact fields that are empty, as in ``deliveries.enrich``."""
        values = {name: found[name] for name in ("email", "phone") if found.get(name) and not self.row[name]}
        values |= {"enrichment_data": dict(found), "status": Status.ENRICHED.value}
        after = {name: value for name, value in values.items() if self.row[name] != value}
        self.change("enriched", at, after, None, source="api")

    def assign(self, at: datetime, to: uuid.UUID | None, actor: uuid.UUID | None) -> None:
        self.change("assigned", at, {"assigned_to_user_id": to, "assigned_at": at if to else None}, actor,
                    source="ui" if actor else "api")

    def move(self, at: datetime, status: str, actor: uuid.UUID) -> None:
        after: dict[str, Any] = {"status": status}
        if status == Status.CONVERTED:
            after["converted_at"] = at
            if self.attempts:
                after["conversion_source"] = self.attempts[-1]["method"]
        if status == Status.LOST:
            after |= {"lost_at": at, **self._why_lost()}
        self.change("status_changed", at, after, actor)

    def _why_lost(self) -> dict[str, str | None]:
        """As the last contact has it: what they said, or that they said nothing."""
        if not self.attempts:
            reason, note = words.LOST_UNTOUCHED[self.row["id"].int % len(words.LOST_UNTOUCHED)]
        elif self.attempts[-1]["direction"] == Direction.OUTBOUND:
            reason, note = LostReason.NO_ANSWER, f"{len(self.attempts)} tries"
        else:
            said = self.attempts[-1]["notes"].lower()
            reason, note = next(((reason, note) for told, reason, note in words.LOST if told in said),
                                (LostReason.OTHER, None))
        return {"lost_reason": reason.value, "lost_note": note}

    def contact(self, kind: str, at: datetime, logged_at: datetime, by: uuid.UUID, actor: uuid.UUID,
                said: tuple[str, str | None, str], *, is_answered: bool) -> None:
        """One contact, always a later one than those before it."""
        direction, action = DIRECTIONS[kind]
        summary, (method, subject, notes) = SUMMARIES[direction], said
        after = {summary.count: self.row[summary.count] + 1, summary.at: at}
        if summary.method:
            after[summary.method] = method
        batch_id = _uuid(self._rng)
        outcome = next((outcome for told, outcome in words.OUTCOMES if told in notes.lower()), None)
        if direction is Direction.INBOUND:
            outcome = outcome or ContactOutcome.REPLIED.value
        status = implied_status(direction, outcome, self.row["status"])
        if status != self.row["status"]:
            after["status"] = status
        self.attempts.append({
            "id": _uuid(self._rng), "company_id": self.row["company_id"], "lead_id": self.row["id"], "user_id": by,
            "batch_id": batch_id, "method": method, "direction": direction.value, "subject": subject, "notes": notes,
            "outcome": outcome, "successful": is_answered or direction is Direction.INBOUND,
            "occurred_at": at, "created_at": logged_at})
        self.change(action, logged_at, after, actor, batch_id=batch_id)


class _Teller:
    """Tells the lives of a team's leads; remembers which names and addresses are taken."""

    def __init__(self, rng: Random, company_id: uuid.UUID, team: Team, users: Mapping[str, uuid.UUID],
                 founded: datetime, now: datetime) -> None:
        self._rng, self._company_id, self._users, self._founded, self._now = rng, company_id, users, founded, now
        self._taken: set[Any] = set()
        names = [(f"{stem.replace('&', ' & ')} {noun}", industry) for stem in words.STEMS
                 for industry, nouns in words.INDUSTRIES.items() for noun in nouns]
        self._known = [_firm(rng, company_id, *name, founded) for name in rng.sample(names, team.firms)]
        self.firms = list(self._known)
        self._boss = users[next(person.name for person in team.people if person.role in (Role.TEAM_LEAD, Role.MANAGER))]
        self._reps = [users[person.name] for person in team.people
                      if person.role is Role.REP and person.name in users and not person.left and not person.away]

    def tell(self, person: Person, status: Status, is_due: bool, edge: Mapping[str, Any]) -> _Life:
        """A life that ends with this owner and status. Planned from its last contact backwards, lived forwards."""
        rng, owner = self._rng, self._users.get(person.name)
        worker = owner or rng.choice(self._reps)
        until = _days_before(self._now, person.left or person.away)
        story = edge.get("story", rng.choice(words.STORIES.get(status, ("",))))
        moves = rng.choice(words.MOVES.get(status, ((),)))
        touches = self._touches(story, is_due, until, is_closed=bool(moves), room=4 * len(moves) + (owner is None))
        if touches:
            born = touches[0][0] - _days(rng.uniform(1, 6))
        else:
            born = until - _days(rng.uniform(1, 3 if owner is None else 12) + 4 * len(moves))

        life, firm, found = self._arrive(born, edge, worker)
        at = born + _days(rng.uniform(0.02, 0.2))
        if edge.get("enrichment") == "missing" or (not edge and status is Status.NEW and rng.random() < 0.1):
            # Leads from before there was enrichment have NULL here.
            del life.row["enrichment_data"]
        elif status is not Status.NEW:
            life.enrich(at, {} if edge.get("enrichment") == "empty" or rng.random() < 0.05 else found)
        if owner or touches:
            at = self._hand_out(life, at, worker, latest=touches[0][0] if touches else until)

        for number, (at, kind) in enumerate(touches):
            moment = _moment(story, number, status)
            logged_at = at + timedelta(minutes=rng.randint(0, 25))
            life.contact(kind, at, logged_at, worker, self._boss if rng.random() < 0.08 else worker,
                         self._said(life, firm, moment), is_answered=story[number + 1:number + 2] == "i")
            at = logged_at
        if touches and rng.random() < 0.35:
            at += timedelta(minutes=2)
            life.change("edited", at, {"notes": rng.choice(words.NOTES)}, worker)
        for move in moves:
            at = _office_hours(rng, at + _days(0.1), min(at + _days(3.9), until))
            life.move(at, move, worker if owner or touches else self._boss)
        if owner is None and touches:
            # Some leads nobody owns any more.
            life.assign(_office_hours(rng, at + _days(0.01), min(at + _days(0.9), until)), None, self._boss)
        return life

    def _touches(self, story: str, is_due: bool, until: datetime, *, is_closed: bool, room: float,
                 ) -> list[tuple[datetime, str]]:
        """When each contact of the story happened. ``room`` is the days to leave for what comes after the last one."""
        if not story:
            return []
        rng = self._rng
        last_out = max(story.rfind("o"), 0)
        latest = until - _days(room + 0.03)
        start, end = self._now - _days(6.9), latest - _days(0.5 if last_out < len(story) - 1 else 0)
        if is_due:
            end = min(end, self._now - _days(7.1))
        if is_due or is_closed:
            start = end - _days(80 if is_closed else 24)
        times = [_office_hours(rng, start, end)]
        for _ in story[:last_out]:
            times.insert(0, _office_hours(rng, times[0] - _days(8), times[0] - _days(1.2)))
        for _ in story[last_out + 1:]:
            times.append(_office_hours(rng, times[-1] + _days(0.1), min(times[-1] + _days(3), latest)))
        return list(zip(times, story, strict=True))

    def _hand_out(self, life: _Life, at: datetime, to: uuid.UUID, latest: datetime) -> datetime:
        """Most leads are given out by N8N in turn, some by the team lead, a few to a colleague first; when it was."""
        rng = self._rng
        at += _days(rng.uniform(0.02, 0.3))
        first = rng.choice(self._reps) if rng.random() < 0.1 else to
        by_hand = rng.random() < 0.2
        if first != to or not by_hand:
            life.assign(at, first, None)
        if first != to or by_hand:
            at = _office_hours(rng, at + _days(0.01), min(at + _days(2.6), latest - _days(0.01)))
            life.assign(at, to, self._boss)
        return at

    def _arrive(self, born: datetime, edge: Mapping[str, Any], colleague: uuid.UUID,
                ) -> tuple[_Life, _Firm, dict[str, Any]]:
        """A lead as it came in, the firm it works for, and what enrichment will find out."""
        rng = self._rng
        firm = rng.choice(self._known)
        if edge.get("firm"):
            firm = _firm(rng, self._company_id, edge["firm"], rng.choice(list(words.INDUSTRIES)), self._founded)
            self.firms.append(firm)
        first, last = self._name()
        latin = edge.get("latin") or f"{edge.get('first_name', first) or ''} {edge.get('last_name', last)}"
        source, _, workflows, has_email = rng.choices(words.SOURCES, [share for _, share, *_ in words.SOURCES])[0]
        if edge.get("source"):
            source, _, workflows, has_email = next(each for each in words.SOURCES if each[0] == edge["source"])
        email = self._address(latin, firm)
        phone = _digits(rng, firm.phone)
        title = (f"{rng.choice(words.LEVELS)} {rng.choice(words.FUNCTIONS)}" if rng.random() < 0.75
                 else rng.choice(words.TITLES))
        tags = set(rng.sample(words.TAGS, rng.choice((0, 0, 1, 1, 2, 3)))) - {"emea", "apac", "north america"}
        values = {
            "first_name": first, "last_name": last, "job_title": title, "email": email if has_email else None,
            "phone": phone if has_email and rng.random() < 0.3 else None, "source": source, "status": Status.NEW.value,
            "linkedin_url": f"https://www.linkedin.com/in/{_slug(latin)}-{rng.getrandbits(20):05x}",
            "source_workflow": rng.choice(workflows) if workflows else None,
            "tags": sorted(tags | ({firm.region} if rng.random() < 0.4 else set())),
            "score": round(rng.triangular(15, 99, 62)) if rng.random() < 0.85 else None,
        } | {name: edge[name] for name in ("first_name", "last_name", "job_title", "email", "phone", "linkedin_url",
                                           "tags", "score") if name in edge}
        signals = [{"type": kind, "detail": self._fill(detail, firm), "seen_at": f"{born - _days(number + 1):%Y-%m-%d}"}
                   for number, (kind, detail) in enumerate(rng.sample(words.SIGNALS, rng.randint(0, 3)))]
        found = firm.facts | {"signals": signals}
        if "email" not in edge and rng.random() < 0.93:
            found["email"] = email
        if "phone" not in edge and rng.random() < 0.6:
            found["phone"] = phone
        if not workflows:
            born = _office_hours(rng, born - _days(2.6), born)
        life = _Life(rng, self._company_id, None if edge.get("firm", "") is None else firm.row["id"], born, values,
                     "api" if workflows else "ui", None if workflows else colleague)
        return life, firm, found

    def _name(self) -> tuple[str, str]:
        while True:
            firsts, lasts = self._rng.choice(words.NAMES)
            name = self._rng.choice(firsts), self._rng.choice(lasts)
            if name not in self._taken:
                self._taken.add(name)
                return name

    def _address(self, latin: str, firm: _Firm) -> str:
        local, number = _slug(latin, "."), 1
        while (address := f"{local}{number if number > 1 else ''}@{firm.row['domain']}") in self._taken:
            number += 1
        self._taken.add(address)
        return address

    def _said(self, life: _Life, firm: _Firm, moment: str) -> tuple[str, str | None, str]:
        """Method, subject and notes that fit the moment, by preference some that this lead does not have yet."""
        fresh = [said for said in words.TALK[moment] if said not in life.said]
        said = self._rng.choice(fresh or words.TALK[moment])
        life.said.append(said)
        method, subject, notes = said
        if subject:
            subject = self._fill(subject, firm, thread=life.thread)
            life.thread = subject.split(": ")[-1]
        return method.value, subject, self._fill(notes, firm)

    def _fill(self, template: str, firm: _Firm, thread: str = "") -> str:
        rng, function = self._rng, self._rng.choice(words.FUNCTIONS)
        return template.format(firm=firm.row["name"], industry=firm.row["industry"].lower(), city=firm.city,
                               function=function if function.isupper() else function.lower(), n=rng.randint(2, 9),
                               tool=rng.choice(firm.facts["technologies"]), thread=thread)


# ---------------------------------------------------------------- small things


def _moment(story: str, number: int, status: Status) -> str:
    """What kind of contact the one of this number is, as ``words.TALK`` calls it."""
    before, is_last = story[:number], number == len(story) - 1
    if story[number] == "o":
        return "follow" if "i" in before else "nudge" if before else "intro"
    return "enquiry" if not before else "decline" if is_last and status is Status.LOST else "reply"


def _uuid(rng: Random) -> uuid.UUID:
    return uuid.UUID(int=rng.getrandbits(128), version=4)


def _days(days: float) -> timedelta:
    return timedelta(seconds=round(days * 86_400))


def _days_before(now: datetime, days: float) -> datetime:
    return (now - _days(days)).replace(microsecond=0)


def _office_hours(rng: Random, start: datetime, end: datetime) -> datetime:
    """A moment in between, on a weekday in the daytime if there is one."""
    for _ in range(60):
        at = start + (end - start) * rng.random()
        if at.weekday() < 5 and 7 <= at.hour < 18:
            break
    return at.replace(microsecond=0)


def _digits(rng: Random, form: str) -> str:
    return "".join(str(rng.randint(0, 9)) if c == "#" else c for c in form)


def _slug(name: str, between: str = "-") -> str:
    """The name as web and e-mail addresses spell it."""
    plain = name.lower().translate(str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "ı": "i", "’": "", "'": "", ".": ""}))
    plain = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return between.join("".join(c if c.isalnum() else " " for c in plain).split())
