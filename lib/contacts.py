"""Contacts with leads: log them, and list them. How they are corrected and taken back is in ``contact_changes``.

``contact_attempts`` holds each one (V2 of the specification); the lead's own columns hold the summary that lists and
numbers read (V1, V3). The summary is kept in step by addition, never by recounting: a database that was upgraded has
counts whose contacts were never written down.
"""

import enum
import functools
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ARRAY, UUID, Row, Text, any_, bindparam, insert, select, tuple_
from sqlalchemy.orm import Session

from lib import conversion, history, leads, lists, lost, once, users, writes
from lib.auth import Actor, check_change, check_log_for
from lib.errors import Invalid, LeadDeskError, NotAllowed, NotFound
from lib.fields import text_of, to_json
from lib.filters import planned_for
from lib.history import Change, Outcome, Refusal
from lib.lost import Because
from lib.models import ContactAttempt, ContactOutcome, Direction, Lead, LeadCompany, Method, Status, User
from lib.outcomes import ANSWERED, LEAVE, SUMMARIES, status_after
from lib.statements import Read, Write

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
NO_SUCH_CONTACT = "There is no such contact, or it has been removed."
# What a contact says, and an edit can change. ``user_id`` is who made it.
FIELDS = ("method", "direction", "subject", "notes", "outcome", "status_choice", "successful", "occurred_at", "user_id")

_ATTEMPTS, _LEADS, _FIRMS, _USERS = (
    each.__table__ for each in (ContactAttempt, Lead, LeadCompany, User))
_SHOWN = (
    select(*(_ATTEMPTS.c[name] for name in ("id", "lead_id", "batch_id", *FIELDS)), _USERS.c.name.label("made_by"),
           _LEADS.c.first_name, _LEADS.c.last_name, _LEADS.c.email, _LEADS.c.status, _FIRMS.c.name.label("company"))
    .select_from(_ATTEMPTS)
    .join(_USERS, _USERS.c.id == _ATTEMPTS.c.user_id)
    .join(_LEADS, _LEADS.c.id == _ATTEMPTS.c.lead_id)
    .outerjoin(_FIRMS, _FIRMS.c.id == _LEADS.c.lead_company_id)
    .where(_ATTEMPTS.c.company_id == bindparam("company"))
)


def log_contact(session: Session, actor: Actor, lead_ids: Sequence[uuid.UUID], *, method: str,
                direction: str = Direction.OUTBOUND, notes: str | None = None, subject: str | None = None,
                outcome: str | None = None, status: str | None = None, because: Because = Because(),
                successful: bool = False, occurred_at: datetime | None = None, made_by: uuid.UUID | None = None,
                key: str | None = None, progress: leads.Progress = lambda done: None,
                now: datetime | None = None) -> Outcome:
    """Log the same contact with each of these leads.

    An outbound contact adds one to ``contact_count`` and sets the last contact to the latest outbound one (one that is
    logged late never moves it backwards). An inbound one does the same for the responses. The status moves as
    ``outcomes.implied_status`` says, or to ``status``, or not at all where that is ``outcomes.LEAVE``. ``leads.notes``
    is left alone. ``because`` is why the leads are lost that become lost by this; by default what the outcome implies.

    ``occurred_at`` (aware, default ``now``) may lie in the past but not in the future; ``made_by`` is the colleague
    who made the contact, by default the actor. With a ``key`` the call happens once: a repeat gets the first outcome.
    Raises Invalid with the field named, NotAllowed for another's contact, KeyReused; what is wrong with a single lead
    is among the refusals.
    """
    now = now or datetime.now(UTC)
    contact = clean_contact({
        "method": method, "direction": direction, "subject": subject, "notes": notes, "outcome": outcome,
        "status_choice": status, "occurred_at": occurred_at or now, "user_id": made_by or actor.user_id}, now)
    contact["successful"] = bool(successful) or answered(contact)
    because = because.cleaned()
    check_maker(session, actor, contact["user_id"])
    if key is None:
        return _log(session, actor, lead_ids, contact, because, progress, now)
    # As it was typed: a form without a time says “now” however often it is sent.
    request = {"leads": sorted(set(map(str, lead_ids))), **{name: to_json(value) for name, value in contact.items()},
               "occurred_at": to_json(occurred_at), **because.values}
    answer = once.once(session, actor, key, request,
                       lambda: _to_answer(_log(session, actor, lead_ids, contact, because, progress, now)))
    return _from_answer(answer)


def recent(session: Session, actor: Actor, *, made_by: Sequence[uuid.UUID] = (), methods: Sequence[str] = (),
           since: datetime | None = None, until: datetime | None = None,
           behind: tuple[datetime, uuid.UUID] | None = None, limit: int = 20) -> Sequence[Row]:
    """The company's contacts, the latest first, as lists show them: FIELDS, id, lead_id, the lead's and maker's names.

    ``since`` (inclusive) and ``until`` (exclusive) are aware. ``behind`` is (occurred_at, id) of the last row of the
    page before. ``limit`` is 1 to lists.PAGE_LIMIT rows.
    """
    if not 1 <= limit <= lists.PAGE_LIMIT:
        raise Invalid.field("limit", f"A page holds 1 to {lists.PAGE_LIMIT} contacts.")
    behind_at, behind_id = behind or (None, None)
    narrowing = {"made_by": list(made_by), "methods": list(methods), "since": since, "until": until,
                 "behind_at": behind_at, "behind_id": behind_id}
    asked = {name: value for name, value in narrowing.items() if value}
    return _recent(frozenset(asked), limit).rows(session, {"company": actor.company_id, **asked}).all()


@functools.lru_cache(maxsize=128)
def _recent(asked: frozenset[str], limit: int) -> Read:
    at, contact_id = _ATTEMPTS.c.occurred_at, _ATTEMPTS.c.id
    narrowed = {
        "made_by": _ATTEMPTS.c.user_id == any_(bindparam("made_by", type_=ARRAY(UUID))),
        "methods": _ATTEMPTS.c.method == any_(bindparam("methods", type_=ARRAY(Text))),
        "since": at >= bindparam("since"), "until": at < bindparam("until"),
        # The first condition is the one that an index can begin at.
        "behind_at": at <= bindparam("behind_at"),
        "behind_id": tuple_(at, contact_id) < tuple_(bindparam("behind_at"), bindparam("behind_id", type_=UUID)),
    }
    return Read(_SHOWN.where(*(condition for name, condition in narrowed.items() if name in asked))
                .order_by(at.desc(), contact_id.desc()).limit(planned_for(limit)))


def find(session: Session, actor: Actor, contact_id: uuid.UUID) -> Row:
    """One contact, with the same columns as in ``recent``. Raises NotFound, also for one of another company."""
    row = session.execute(_SHOWN.where(_ATTEMPTS.c.id == contact_id), {"company": actor.company_id}).one_or_none()
    if row is None:
        raise NotFound(NO_SUCH_CONTACT)
    return row


def effect_of(lead: Any, contact: Mapping[str, Any]) -> Change:
    """What a contact does to a lead's own columns. The last contact's time and method are recorded as a pair."""
    summary = SUMMARIES[Direction(contact["direction"])]
    after: dict[str, Any] = {summary.count: getattr(lead, summary.count) + 1}
    held = getattr(lead, summary.at)
    if held is None or contact["occurred_at"] >= held:
        after[summary.at] = contact["occurred_at"]
        if summary.method:
            after[summary.method] = contact["method"]
    status = status_after(contact, lead.status)
    if status != lead.status:
        after["status"] = status
    return Change(lead.id, {column: getattr(lead, column) for column in after}, after)


def answered(contact: Mapping[str, Any]) -> bool:
    """Whether somebody answered: the specification's ``successful``, as far as direction and outcome tell."""
    return contact["direction"] == Direction.INBOUND or contact["outcome"] in ANSWERED


def clean_contact(values: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What is stored for these FIELDS. Raises Invalid with the field named; the time is refused last."""
    checks = {
        "method": lambda value: _one_of(Method, "method", value),
        "direction": lambda value: _one_of(Direction, "direction", value),
        "subject": lambda value: text_of(500)("subject", value),
        "notes": lambda value: text_of(20_000, lines=True)("notes", value),
        "outcome": lambda value: None if value in (None, "") else _one_of(ContactOutcome, "outcome", value),
        "status_choice": lambda value: value if value is None or value == LEAVE else _one_of(Status, "status", value),
        "occurred_at": lambda value: _when(value, now),
        "user_id": lambda value: value,
    }
    return {name: check(values[name]) for name, check in checks.items() if name in values}


def check_maker(session: Session, actor: Actor, user_id: uuid.UUID) -> None:
    """Raise NotAllowed or NotFound unless the actor may log what this colleague did."""
    check_log_for(actor, user_id)
    if user_id != actor.user_id:
        users.find(session, actor, user_id)


def insert_contacts(session: Session, actor: Actor, batch_id: uuid.UUID,
                    logged: Sequence[tuple[Change, Mapping[str, Any]]], locked: Mapping[uuid.UUID, Row], *,
                    now: datetime, **lost_by: Any) -> None:
    """Write contacts, each with what it does to its lead; ``locked`` and ``lost_by`` are as in ``write_summaries``."""
    if not logged:
        return
    rows = [{"company_id": actor.company_id, "batch_id": batch_id, **contact, "lead_id": change.lead_id}
            for change, contact in logged]
    _add(tuple(rows[0])).later(session, {"rows": writes.as_json(rows)})
    # After the contacts: one that converts its lead is the last touch itself.
    write_summaries(session, locked, [change for change, _ in logged], now=now, **lost_by)


def write_summaries(session: Session, locked: Mapping[uuid.UUID, Row], changes: Sequence[Change], *,
                    now: datetime, because: Because = Because(),
                    former: Mapping[uuid.UUID, Mapping[str, Any]] | None = None) -> None:
    """Write each lead's changed columns, and add to the changes what a change of the status means for a conversion or
    a loss, whose ``because`` and ``former`` are as in ``lost.follow``. ``locked`` are the leads as they were.
    """
    conversion.follow(session, locked, changes, now=now)
    lost.follow(locked, changes, now=now, because=because, former=former)
    writes.change_each(session, [change for change in changes if change.after])


@functools.lru_cache(maxsize=16)
def _add(names: tuple[str, ...]) -> Write:
    return Write(insert(_ATTEMPTS).from_select(list(names), select(*writes.table_of(_ATTEMPTS, names).c)))


def _log(session: Session, actor: Actor, lead_ids: Sequence[uuid.UUID], contact: dict[str, Any],
         because: Because, progress: leads.Progress, now: datetime) -> Outcome:
    batch_id = uuid.uuid4()
    refused: list[Refusal] = []
    done: list[uuid.UUID] = []
    seen = 0
    because = because if because.reason else lost.implied(contact["outcome"])
    action = "contacted" if contact["direction"] == Direction.OUTBOUND else "responded"
    for chunk in leads.in_chunks(lead_ids):
        changes = []
        locked = leads.lock(session, actor, chunk, refused)
        for lead in locked.values():
            try:
                check_change(actor, lead.assigned_to_user_id, lead.owner)
            except LeadDeskError as error:
                refused.append(Refusal(lead.id, leads.name_of(lead), error))
                continue
            changes.append(effect_of(lead, contact))
        insert_contacts(session, actor, batch_id, [(change, contact) for change in changes], locked, now=now,
                        because=because)
        history.record(session, actor, batch_id, action, changes, now=now)
        done += [change.lead_id for change in changes]
        seen += len(chunk)
        progress(seen)
    return Outcome(batch_id, done, (), refused)


def _one_of(kind: type[enum.StrEnum], field: str, value: Any) -> str:
    if value not in list(kind):
        a = "an" if field == "outcome" else "a"
        raise Invalid.field(field, f"“{str(value)[:60]}” is not {a} {field}; choose one of {', '.join(kind)}.")
    return str(value)


def _when(occurred_at: Any, now: datetime) -> datetime:
    if not isinstance(occurred_at, datetime):
        raise Invalid.field("occurred_at", "A contact needs the date and time when it happened.")
    if occurred_at.tzinfo is None:
        raise Invalid.field("occurred_at", "The time of a contact needs a time zone.")
    if occurred_at > now:
        raise Invalid.field("occurred_at", "A contact cannot lie in the future.")
    if occurred_at < EARLIEST:
        raise Invalid.field("occurred_at", f"A contact before {EARLIEST.year} cannot be logged.")
    return occurred_at


def _to_answer(outcome: Outcome) -> dict[str, Any]:
    return {"batch_id": str(outcome.batch_id), "done": [str(lead_id) for lead_id in outcome.done],
            "refused": [[str(each.lead_id), each.name, str(each.error), each.error.code] for each in outcome.refused]}


def _from_answer(answer: Mapping[str, Any]) -> Outcome:
    errors = {error.code: error for error in (NotFound, NotAllowed)}
    return Outcome(uuid.UUID(answer["batch_id"]), [uuid.UUID(each) for each in answer["done"]], (), [
        Refusal(uuid.UUID(lead_id), name, errors[code](message))
        for lead_id, name, message, code in answer["refused"]])
