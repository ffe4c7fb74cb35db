"""What a machine delivers about a lead that is there: what enrichment found out, and other values."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from lib import assignment, history, leads
from lib.assignment import Strategy
from lib.auth import Actor, check_change
from lib.errors import Duplicate, NotFound
from lib.fields import clean, clean_all
from lib.history import Change, Outcome, Refusal
from lib.leads import ANYTHING, Edit
from lib.models import Lead, Status

# What is found out about somebody that also has a column of its own, filled where it is empty.
REACHABLE = ("email", "phone", "job_title", "linkedin_url")

_LEADS = Lead.__table__


def deliver(session: Session, actor: Actor, lead_id: uuid.UUID, values: Mapping[str, Any], *,
            now: datetime | None = None) -> Outcome:
    """A partial update: the values of a lead's fields, ``company`` (the firm's name) and ``enrichment_data`` among them.

    With ``enrichment_data``, or the status ``enriched``, it is an enrichment (``enrich``); any other status has to be a
    step forward. Where one of its other values is refused, that is raised, and what was found out goes with the
    caller's transaction. Raises NotFound, NotAllowed, Invalid, Duplicate and WouldMoveBack; a clash of enriched
    addresses is among the refusals.
    """
    now = now or datetime.now(UTC)
    values = dict(values)
    outcome = Outcome(None, (), [lead_id])
    if "enrichment_data" in values or values.get("status") == Status.ENRICHED:
        if values.get("status") == Status.ENRICHED:
            del values["status"]
        # Looked at first, as an enrichment that clashes is written down, and one that is refused is not.
        clean_all({name: value for name, value in values.items() if name != "company"})
        outcome = enrich(session, actor, lead_id, values.pop("enrichment_data", None) or {}, now=now)
        if outcome.refused:
            return outcome
    if values:
        edits = [Edit(lead_id, name, ANYTHING, value) for name, value in values.items()]
        outcome = leads.edit(session, actor, edits, now=now).or_raise()
    return outcome


def enrich(session: Session, actor: Actor, lead_id: uuid.UUID, data: Mapping[str, Any], *,
           now: datetime | None = None) -> Outcome:
    """Add what a machine has found out: merged into ``enrichment_data``, filling only contact fields that are empty.

    Moves a ``new`` lead to ``enriched`` and never one that a person has moved on; where the company has it so, a lead
    that is ready now goes to whoever is next, and stays unassigned when nobody can take it. The event tells what was
    not taken over because the lead holds something else. An e-mail or LinkedIn address that another lead has is among
    the refusals: an event tells of that too, and nothing else is written. Raises NotFound, NotAllowed and Invalid.
    """
    now = now or datetime.now(UTC)
    found = clean("enrichment_data", dict(data))
    contact = clean_all({name: found[name] for name in REACHABLE if name in found})
    batch_id = uuid.uuid4()
    try:
        # Taken back whole where an address clashes, somebody's turn among it, so that a retry is no turn either.
        with session.begin_nested():
            change = _enrich(session, actor, lead_id, found, contact, batch_id, now)
    except Duplicate as error:
        told = Change(lead_id, {}, {}, {"reason": str(error), "clash": next(iter(error.fields), None),
                                        "with": error.lead_id and str(error.lead_id)})
        history.record(session, actor, batch_id, "enrichment_refused", [told], now=now)
        return Outcome(None, (), (), [Refusal(lead_id, "", error)])
    return Outcome(batch_id, [lead_id] if change.after else [], [] if change.after else [lead_id])


def _enrich(session: Session, actor: Actor, lead_id: uuid.UUID, found: Mapping[str, Any], contact: Mapping[str, Any],
            batch_id: uuid.UUID, now: datetime) -> Change:
    agreed = _agree(session, actor, lead_id, now) if actor.auto_assign else None
    lead = leads.lock(session, actor, [lead_id], []).get(lead_id)
    if lead is None:
        raise NotFound(leads.NO_SUCH_LEAD)
    check_change(actor, lead.assigned_to_user_id, lead.owner)
    change = _change(lead, found, contact)
    if not change.after:
        # Told all the same: whoever looks for a delivery finds that it came.
        history.record(session, actor, batch_id, "enrichment_unchanged", [change], now=now)
        return change
    leads.refuse_known(session, actor, {name: change.after[name] for name in ("email", "linkedin_url")
                                        if name in change.after}, but=lead_id)
    leads.write(session, [change])
    history.record(session, actor, batch_id, "enriched", [change], now=now)
    if agreed is not None and agreed.owners:
        leads.assign_each(session, actor, agreed.owners, detail=assignment.detail_of(agreed), is_by_turn=True, now=now)
    return change


def _change(lead: Row, found: Mapping[str, Any], contact: Mapping[str, Any]) -> Change:
    held = lead.enrichment_data or {}
    merged = {**held, **found}
    # What was long already, from before there was a limit, can still be delivered again.
    values = {"enrichment_data": held if merged == held else clean("enrichment_data", merged)}
    values |= {name: value for name, value in contact.items() if value and not getattr(lead, name)}
    if lead.status == Status.NEW:
        values["status"] = Status.ENRICHED.value
    after = {name: value for name, value in values.items() if getattr(lead, name) != value}
    kept = [name for name, value in contact.items() if value and getattr(lead, name) not in (None, "", value)]
    return Change(lead.id, {name: getattr(lead, name) for name in after}, after, {"kept": kept} if kept else None)


def _agree(session: Session, actor: Actor, lead_id: uuid.UUID, now: datetime) -> assignment.Plan:
    """Who gets the lead if this enriches it, settled before the lead is locked, as in every assignment: the line first,
    then people, then leads."""
    strategy = Strategy(actor.auto_assign)
    assignment.take_turns(session, actor)
    held = session.execute(select(_LEADS.c.status, _LEADS.c.assigned_to_user_id).where(
        _LEADS.c.company_id == actor.company_id, _LEADS.c.id == lead_id)).one_or_none()
    who = assignment.turns(session, actor, strategy=strategy, now=now)
    is_new = held is not None and held.status == Status.NEW and held.assigned_to_user_id is None
    agreed = assignment.plan([lead_id] if is_new and who.candidates else [], who, strategy)
    assignment.note_turns(session, actor, agreed, now)
    return agreed
