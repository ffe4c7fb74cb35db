"""New leads as machines bring them: one or hundreds in one call, some of which are there already.

Whoever scrapes meets the same people again and again, so a lead is known by its e-mail address, or else by its LinkedIn
address, also from one row of a call to the next.
"""

import enum
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from lib import addresses, conversion, firms, history, leads, lost, new_leads, writes
from lib.auth import Actor
from lib.errors import Duplicate, Invalid, LeadDeskError
from lib.fields import CHECKS, clean, linkedin_key
from lib.history import Change
from lib.leads import ANYTHING, Edit
from lib.models import Lead, Status
from lib.outcomes import moves_on

_LEADS = Lead.__table__
# Every row of a statement has the same columns.
_EMPTY = {name: None for name in (*CHECKS, "lead_company_id", "converted_at", "lost_at")} | {
    "status": Status.NEW.value, "tags": [], "enrichment_data": {}}
_HELD = select(*(_LEADS.c[name] for name in ("id", "status", "tags", "enrichment_data"))).where(
    _LEADS.c.company_id == bindparam("company"), _LEADS.c.id.in_(bindparam("ids", expanding=True)))


class OnDuplicate(enum.StrEnum):
    """What happens with a lead that is there already: answer with it, write what is given, or refuse."""

    RETURN = "return"
    UPDATE = "update"
    ERROR = "error"


class Fate(enum.StrEnum):
    CREATED = "created"
    EXISTING = "existing"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of a row: the lead it is now, or the ``error`` for which it was refused."""

    fate: Fate
    lead_id: uuid.UUID | None = None
    error: LeadDeskError | None = None


def receive(session: Session, actor: Actor, rows: Sequence[Mapping[str, Any]], *,
            on_duplicate: OnDuplicate = OnDuplicate.RETURN, now: datetime | None = None) -> list[Arrival]:
    """Add these leads, each the fields of a lead and ``company``, the firm's name; what became of each, in their order.

    With ``UPDATE``, what a row says is written to the lead that is there: fields that are given and not empty, tags
    and enrichment added to those it has, the status only forward. Leads that are added share a batch. What is wrong
    with a row (Invalid, NotAllowed, Duplicate) refuses that row only.
    """
    return _Delivery(session, actor, on_duplicate, now or datetime.now(UTC)).receive(rows)


class _Delivery:
    """One call, with what later rows have to know of earlier ones."""

    def __init__(self, session: Session, actor: Actor, on_duplicate: OnDuplicate, now: datetime) -> None:
        self.session, self.actor, self.on_duplicate, self.now = session, actor, on_duplicate, now
        self.known: dict[str, uuid.UUID] = {}
        """Leads by their e-mail addresses and the keys of their LinkedIn addresses."""
        self.fresh: dict[uuid.UUID, dict[str, Any]] = {}
        self.updates: dict[int, tuple[uuid.UUID, dict[str, Any]]] = {}
        """By row: the lead that is there, and what the row says of it."""

    def receive(self, rows: Sequence[Mapping[str, Any]]) -> list[Arrival]:
        arrivals: dict[int, Arrival] = {}
        readable: dict[int, dict[str, Any]] = {}
        for number, row in enumerate(rows):
            try:
                readable[number] = new_leads.cleaned_new(row)
            except Invalid as error:
                arrivals[number] = Arrival(Fate.REFUSED, None, error)
        if readable:
            addresses.hold(self.session, self.actor, list(readable.values()))
            if names := list(dict.fromkeys(values["company"] for values in readable.values() if values.get("company"))):
                firms.hold(self.session, self.actor, names)
            self._look_up(readable.values())
        for number, values in readable.items():
            try:
                arrivals[number] = self._row(number, values)
            except LeadDeskError as error:
                arrivals[number] = Arrival(Fate.REFUSED, None, error)
        late = self._add()
        arrivals |= {number: Arrival(Fate.EXISTING, late[arrival.lead_id]) for number, arrival in arrivals.items()
                     if arrival.lead_id in late}
        arrivals |= self._update()
        return [arrivals[number] for number in range(len(rows))]

    def _look_up(self, rows: Any) -> None:
        locks = self.on_duplicate is OnDuplicate.UPDATE
        # Oldest first: of several leads with one LinkedIn address, the first is meant.
        for row in addresses.known_by_address(self.session, self.actor, list(rows), locks=locks):
            for key in _keys(row._mapping):
                self.known.setdefault(key, row.id)

    def _row(self, number: int, values: dict[str, Any]) -> Arrival:
        matches = list(dict.fromkeys(self.known[key] for key in _keys(values) if key in self.known))
        if not matches:
            lead_id = uuid.uuid4()
            self.fresh[lead_id] = {name: value for name, value in values.items() if value is not None}
            self.known |= dict.fromkeys(_keys(values), lead_id)
            return Arrival(Fate.CREATED, lead_id)
        lead_id = matches[0]
        if self.on_duplicate is OnDuplicate.RETURN:
            return Arrival(Fate.EXISTING, lead_id)
        if self.on_duplicate is OnDuplicate.ERROR:
            field = "email" if values.get("email") in self.known else "linkedin_url"
            raise Duplicate(f"There is a lead with the {_WORDS[field]} {values[field]} already.", lead_id=lead_id,
                            field=field)
        if len(matches) > 1:
            raise Invalid.field("linkedin_url", "The e-mail address is that of one lead, the LinkedIn address that of "
                                                "another.")
        if lead_id in self.fresh:
            held = self.fresh[lead_id]
            wanted = _wanted(values, held.get("status", Status.NEW), held.get("tags"), held.get("enrichment_data"))
            # The tags of several rows together may be more than a lead can have, as no edit looks at them any more.
            wanted |= {"tags": clean("tags", wanted["tags"])} if "tags" in wanted else {}
            self.known |= dict.fromkeys(_keys(values), lead_id)
            changes = {name: value for name, value in wanted.items() if held.get(name) != value}
            held |= changes
            return Arrival(Fate.UPDATED if changes else Fate.UNCHANGED, lead_id)
        self.known |= dict.fromkeys(_keys(values), lead_id)
        self.updates[number] = (lead_id, values)
        return Arrival(Fate.UNCHANGED, lead_id)

    def _add(self) -> dict[uuid.UUID, uuid.UUID]:
        """Write the new leads. Those that somebody else has added meanwhile: the lead it is, by the id it was to get."""
        names = [values["company"] for values in self.fresh.values() if "company" in values]
        ids = firms.made(self.session, self.actor, list(dict.fromkeys(names))) if names else {}
        for values in self.fresh.values():
            if "company" in values:
                values["lead_company_id"] = ids[values.pop("company")]
            values |= conversion.of_new(values, self.now) | lost.of_new(values, self.now)
        added = writes.add(self.session, [{"id": lead_id, "company_id": self.actor.company_id, **_EMPTY, **values}
                                          for lead_id, values in self.fresh.items()])
        history.record(self.session, self.actor, uuid.uuid4(), "created",
                       [Change(lead_id, {}, values) for lead_id, values in self.fresh.items() if lead_id in added],
                       now=self.now)
        late = {lead_id: values for lead_id, values in self.fresh.items() if lead_id not in added}
        there = {row.email: row.id for row in addresses.known_by_address(
            self.session, self.actor, [{"email": values["email"]} for values in late.values()], locks=False)}
        return {lead_id: there[values["email"]] for lead_id, values in late.items()}

    def _update(self) -> dict[int, Arrival]:
        """Write what the rows say of leads that are there, in as many rounds as there are rows about one lead: the
        second is compared with what the first made of it."""
        ids = sorted({lead_id for lead_id, _ in self.updates.values()})
        held = {row.id: dict(row._mapping) for row in self.session.execute(
            _HELD, {"company": self.actor.company_id, "ids": ids})} if ids else {}
        arrivals: dict[int, Arrival] = {}
        waiting = dict(self.updates)
        while waiting:
            turn = {lead_id: number for number, (lead_id, _) in reversed(waiting.items())}
            edits = []
            for lead_id, number in turn.items():
                wanted = _wanted(waiting.pop(number)[1], *(held[lead_id][name] for name in
                                                           ("status", "tags", "enrichment_data")))
                held[lead_id] |= wanted
                edits += [Edit(lead_id, name, ANYTHING, value) for name, value in wanted.items()]
            outcome = leads.edit(self.session, self.actor, edits, now=self.now)
            errors = {refusal.lead_id: refusal.error for refusal in reversed(outcome.refused)}
            done = set(outcome.done)
            for lead_id, number in turn.items():
                fate = Fate.REFUSED if lead_id in errors else Fate.UPDATED if lead_id in done else Fate.UNCHANGED
                arrivals[number] = Arrival(fate, lead_id, errors.get(lead_id))
        return arrivals


_WORDS = {"email": "e-mail address", "linkedin_url": "LinkedIn address"}


def _keys(values: Mapping[str, Any]) -> list[str]:
    return [key for key in (values.get("email"), linkedin_key(values.get("linkedin_url"))) if key]


def _wanted(values: Mapping[str, Any], status: str, tags: Sequence[str] | None,
            found: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a row asks a lead to hold that has this status, these tags and this enrichment."""
    wanted = {name: value for name, value in values.items() if value not in (None, "", [], {})}
    if "tags" in wanted:
        wanted["tags"] = list(dict.fromkeys([*(tags or []), *wanted["tags"]]))
    if "enrichment_data" in wanted:
        wanted["enrichment_data"] = {**(found or {}), **wanted["enrichment_data"]}
    if "status" in wanted and not moves_on(status, wanted["status"]):
        del wanted["status"]
    return wanted
