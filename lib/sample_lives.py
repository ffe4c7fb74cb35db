"""The life of one sample lead, step by step, each with its event: planned from its end backwards, lived forwards."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from lib import sample_words as words
from lib.fields import to_json
from lib.models import ContactOutcome, Direction, Lead, LostReason, Role, Status
from lib.outcomes import SUMMARIES, implied_status
from lib.sample_values import Firm, days, days_before, digits, make_firm, office_hours, random_uuid, slug
from lib.sample_words import Person, Team

DIRECTIONS = {"o": (Direction.OUTBOUND, "contacted"), "i": (Direction.INBOUND, "responded")}


class Life:
    """A lead's row, and the contacts and events that made it what it is."""

    def __init__(self, rng: Random, company_id: uuid.UUID, lead_company_id: uuid.UUID | None, born: datetime,
                 values: Mapping[str, Any], source: str, actor: uuid.UUID | None) -> None:
        self._rng = rng
        self.row: dict[str, Any] = {column.name: None for column in Lead.__table__.columns} | {
            "id": random_uuid(rng), "company_id": company_id, "lead_company_id": lead_company_id,
            "status": Status.NEW.value,
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
            "company_id": self.row["company_id"], "lead_id": self.row["id"],
            "batch_id": batch_id or random_uuid(self._rng), "actor_id": actor, "source": source,
            "action": action, "at": at,
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
        batch_id = random_uuid(self._rng)
        outcome = next((outcome for told, outcome in words.OUTCOMES if told in notes.lower()), None)
        if direction is Direction.INBOUND:
            outcome = outcome or ContactOutcome.REPLIED.value
        status = implied_status(direction, outcome, self.row["status"])
        if status != self.row["status"]:
            after["status"] = status
        self.attempts.append({
            "id": random_uuid(self._rng), "company_id": self.row["company_id"], "lead_id": self.row["id"],
            "user_id": by, "batch_id": batch_id, "method": method, "direction": direction.value,
            "subject": subject, "notes": notes, "outcome": outcome,
            "successful": is_answered or direction is Direction.INBOUND, "occurred_at": at, "created_at": logged_at})
        self.change(action, logged_at, after, actor, batch_id=batch_id)


class Teller:
    """Tells the lives of a team's leads; remembers which names and addresses are taken."""

    def __init__(self, rng: Random, company_id: uuid.UUID, team: Team, users: Mapping[str, uuid.UUID],
                 founded: datetime, now: datetime) -> None:
        self._rng, self._company_id, self._users, self._founded, self._now = rng, company_id, users, founded, now
        self._taken: set[Any] = set()
        names = [(f"{stem.replace('&', ' & ')} {noun}", industry) for stem in words.STEMS
                 for industry, nouns in words.INDUSTRIES.items() for noun in nouns]
        self._known = [make_firm(rng, company_id, *name, founded) for name in rng.sample(names, team.firms)]
        self.firms = list(self._known)
        self._boss = users[next(person.name for person in team.people if person.role in (Role.TEAM_LEAD, Role.MANAGER))]
        self._reps = [users[person.name] for person in team.people
                      if person.role is Role.REP and person.name in users and not person.left and not person.away]

    def tell(self, person: Person, status: Status, is_due: bool, edge: Mapping[str, Any]) -> Life:
        """A life that ends with this owner and status. Planned from its last contact backwards, lived forwards."""
        rng, owner = self._rng, self._users.get(person.name)
        worker = owner or rng.choice(self._reps)
        until = days_before(self._now, person.left or person.away)
        story = edge.get("story", rng.choice(words.STORIES.get(status, ("",))))
        moves = rng.choice(words.MOVES.get(status, ((),)))
        touches = self._touches(story, is_due, until, is_closed=bool(moves), room=4 * len(moves) + (owner is None))
        if touches:
            born = touches[0][0] - days(rng.uniform(1, 6))
        else:
            born = until - days(rng.uniform(1, 3 if owner is None else 12) + 4 * len(moves))

        life, firm, found = self._arrive(born, edge, worker)
        at = born + days(rng.uniform(0.02, 0.2))
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
            at = office_hours(rng, at + days(0.1), min(at + days(3.9), until))
            life.move(at, move, worker if owner or touches else self._boss)
        if owner is None and touches:
            # Some leads nobody owns any more.
            life.assign(office_hours(rng, at + days(0.01), min(at + days(0.9), until)), None, self._boss)
        return life

    def _touches(self, story: str, is_due: bool, until: datetime, *, is_closed: bool, room: float,
                 ) -> list[tuple[datetime, str]]:
        """When each contact of the story happened. ``room`` is the days to leave for what comes after the last one."""
        if not story:
            return []
        rng = self._rng
        last_out = max(story.rfind("o"), 0)
        latest = until - days(room + 0.03)
        start, end = self._now - days(6.9), latest - days(0.5 if last_out < len(story) - 1 else 0)
        if is_due:
            end = min(end, self._now - days(7.1))
        if is_due or is_closed:
            start = end - days(80 if is_closed else 24)
        times = [office_hours(rng, start, end)]
        for _ in story[:last_out]:
            times.insert(0, office_hours(rng, times[0] - days(8), times[0] - days(1.2)))
        for _ in story[last_out + 1:]:
            times.append(office_hours(rng, times[-1] + days(0.1), min(times[-1] + days(3), latest)))
        return list(zip(times, story, strict=True))

    def _hand_out(self, life: Life, at: datetime, to: uuid.UUID, latest: datetime) -> datetime:
        """Most leads are given out by N8N in turn, some by the team lead, a few to a colleague first; when it was."""
        rng = self._rng
        at += days(rng.uniform(0.02, 0.3))
        first = rng.choice(self._reps) if rng.random() < 0.1 else to
        by_hand = rng.random() < 0.2
        if first != to or not by_hand:
            life.assign(at, first, None)
        if first != to or by_hand:
            at = office_hours(rng, at + days(0.01), min(at + days(2.6), latest - days(0.01)))
            life.assign(at, to, self._boss)
        return at

    def _arrive(self, born: datetime, edge: Mapping[str, Any], colleague: uuid.UUID,
                ) -> tuple[Life, Firm, dict[str, Any]]:
        """A lead as it came in, the firm it works for, and what enrichment will find out."""
        rng = self._rng
        firm = rng.choice(self._known)
        if edge.get("firm"):
            firm = make_firm(rng, self._company_id, edge["firm"], rng.choice(list(words.INDUSTRIES)), self._founded)
            self.firms.append(firm)
        first, last = self._name()
        latin = edge.get("latin") or f"{edge.get('first_name', first) or ''} {edge.get('last_name', last)}"
        source, _, workflows, has_email = rng.choices(words.SOURCES, [share for _, share, *_ in words.SOURCES])[0]
        if edge.get("source"):
            source, _, workflows, has_email = next(each for each in words.SOURCES if each[0] == edge["source"])
        email = self._address(latin, firm)
        phone = digits(rng, firm.phone)
        title = (f"{rng.choice(words.LEVELS)} {rng.choice(words.FUNCTIONS)}" if rng.random() < 0.75
                 else rng.choice(words.TITLES))
        tags = set(rng.sample(words.TAGS, rng.choice((0, 0, 1, 1, 2, 3)))) - {"emea", "apac", "north america"}
        values = {
            "first_name": first, "last_name": last, "job_title": title, "email": email if has_email else None,
            "phone": phone if has_email and rng.random() < 0.3 else None, "source": source, "status": Status.NEW.value,
            "linkedin_url": f"https://www.linkedin.com/in/{slug(latin)}-{rng.getrandbits(20):05x}",
            "source_workflow": rng.choice(workflows) if workflows else None,
            "tags": sorted(tags | ({firm.region} if rng.random() < 0.4 else set())),
            "score": round(rng.triangular(15, 99, 62)) if rng.random() < 0.85 else None,
        } | {name: edge[name] for name in ("first_name", "last_name", "job_title", "email", "phone", "linkedin_url",
                                           "tags", "score") if name in edge}
        signals = [{"type": kind, "detail": self._fill(detail, firm), "seen_at": f"{born - days(number + 1):%Y-%m-%d}"}
                   for number, (kind, detail) in enumerate(rng.sample(words.SIGNALS, rng.randint(0, 3)))]
        found = firm.facts | {"signals": signals}
        if "email" not in edge and rng.random() < 0.93:
            found["email"] = email
        if "phone" not in edge and rng.random() < 0.6:
            found["phone"] = phone
        if not workflows:
            born = office_hours(rng, born - days(2.6), born)
        life = Life(rng, self._company_id, None if edge.get("firm", "") is None else firm.row["id"], born, values,
                     "api" if workflows else "ui", None if workflows else colleague)
        return life, firm, found

    def _name(self) -> tuple[str, str]:
        while True:
            firsts, lasts = self._rng.choice(words.NAMES)
            name = self._rng.choice(firsts), self._rng.choice(lasts)
            if name not in self._taken:
                self._taken.add(name)
                return name

    def _address(self, latin: str, firm: Firm) -> str:
        local, number = slug(latin, "."), 1
        while (address := f"{local}{number if number > 1 else ''}@{firm.row['domain']}") in self._taken:
            number += 1
        self._taken.add(address)
        return address

    def _said(self, life: Life, firm: Firm, moment: str) -> tuple[str, str | None, str]:
        """Method, subject and notes that fit the moment, by preference some that this lead does not have yet."""
        fresh = [said for said in words.TALK[moment] if said not in life.said]
        said = self._rng.choice(fresh or words.TALK[moment])
        life.said.append(said)
        method, subject, notes = said
        if subject:
            subject = self._fill(subject, firm, thread=life.thread)
            life.thread = subject.split(": ")[-1]
        return method.value, subject, self._fill(notes, firm)

    def _fill(self, template: str, firm: Firm, thread: str = "") -> str:
        rng, function = self._rng, self._rng.choice(words.FUNCTIONS)
        return template.format(firm=firm.row["name"], industry=firm.row["industry"].lower(), city=firm.city,
                               function=function if function.isupper() else function.lower(), n=rng.randint(2, 9),
                               tool=rng.choice(firm.facts["technologies"]), thread=thread)


def _moment(story: str, number: int, status: Status) -> str:
    """What kind of contact the one of this number is, as ``words.TALK`` calls it."""
    before, is_last = story[:number], number == len(story) - 1
    if story[number] == "o":
        return "follow" if "i" in before else "nudge" if before else "intro"
    return "enquiry" if not before else "decline" if is_last and status is Status.LOST else "reply"
