"""Leads: find one, change them, hand them out. New ones are in lib/new_leads.py, lists of them in lib/lists.py.

Every function takes the session and the actor first. It sees the actor's company and nothing else, checks what the
actor's role may do, writes the event beside the change, and leaves the commit to the caller.
"""

import functools
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ARRAY, UUID, Row, any_, bindparam, null, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from lib import addresses, conversion, firms, history, lost, users
from lib.auth import Actor, check_assign, check_change
from lib.errors import Conflict, Duplicate, Invalid, LeadDeskError, NotFound
from lib.fields import LABELS, NEW_CHECKS, clean
from lib.history import Change, Outcome, Refusal
from lib.lost import Because
from lib.models import Lead, LeadCompany, User
from lib.outcomes import check_moves_on
from lib.statements import Read, Write

CHUNK = 1_000
NO_SUCH_LEAD = "There is no such lead."
EDITABLE = ("first_name", "last_name", "job_title", "email", "phone", "linkedin_url", "status", "score", "tags",
            "notes")

# Reads select from the tables, not from the classes, and those whose shape never changes are put together only once:
# otherwise that takes longer than the database needs for them.
_LEADS, _FIRMS, _USERS = Lead.__table__, LeadCompany.__table__, User.__table__
_OF_COMPANY = _LEADS.c.company_id == bindparam("company")
# One statement however many leads: those of a list of values differ with its length.
_AMONG = _LEADS.c.id == any_(bindparam("leads", type_=ARRAY(UUID(as_uuid=True))))

_FIND = Read(
    select(_LEADS, _FIRMS.c.name.label("company"), _FIRMS.c.domain.label("company_domain"),
           _FIRMS.c.industry.label("company_industry"), _USERS.c.name.label("owner"),
           _USERS.c.is_active.label("owner_is_active"))
    .select_from(_LEADS)
    .outerjoin(_FIRMS, _FIRMS.c.id == _LEADS.c.lead_company_id)
    .outerjoin(_USERS, _USERS.c.id == _LEADS.c.assigned_to_user_id)
    .where(_OF_COMPANY, _LEADS.c.id == bindparam("lead"))
)
_LOCK = Read(
    # Not joins: a row that had to be waited for is read again, but not the rows that it was joined with.
    select(_LEADS,
           select(_USERS.c.name).where(_USERS.c.id == _LEADS.c.assigned_to_user_id).scalar_subquery().label("owner"),
           select(_FIRMS.c.name).where(_FIRMS.c.id == _LEADS.c.lead_company_id).scalar_subquery().label("company"))
    .where(_OF_COMPANY, _AMONG)
    .order_by(_LEADS.c.id)
    .with_for_update(of=_LEADS)
)

# Told how many leads are done so far; it may raise to break the work off.
Progress = Callable[[int], None]


class Anything:
    """The type of ``ANYTHING``, the value to have seen for a change that does not care what it replaces."""


ANYTHING: Final = Anything()


@dataclass(frozen=True, slots=True)
class Edit:
    """One cell: the value that the user saw in it (or ANYTHING), and the one to put there.

    ``company`` is the firm by its name: one of the company's firms, letter case aside, or else a new one.
    """

    lead_id: uuid.UUID
    field: str
    seen: Any
    value: Any


def in_chunks(lead_ids: Iterable[uuid.UUID]) -> Iterator[list[uuid.UUID]]:
    """Each lead once, CHUNK at a time and in the order of the ids.

    Who locks many leads goes by this order, or two batches over the same leads could wait for each other.
    """
    wanted = sorted(set(lead_ids))
    for start in range(0, len(wanted), CHUNK):
        yield wanted[start:start + CHUNK]


def name_of(lead: Any) -> str:
    """What to call a lead in a sentence: a name, or else an e-mail address."""
    return " ".join(part for part in (lead.first_name, lead.last_name) if part) or lead.email or "Unnamed lead"


def find(session: Session, actor: Actor, lead_id: uuid.UUID) -> Row:
    """Everything known about one lead, with the names of its firm and owner.

    Raises NotFound, in the same words, for a lead that does not exist and for one of another company.
    """
    row = _FIND.rows(session, {"company": actor.company_id, "lead": lead_id}).one_or_none()
    if row is None:
        raise NotFound(NO_SUCH_LEAD)
    return row


# ---------------------------------------------------------------- writing


def edit(session: Session, actor: Actor, edits: Sequence[Edit], *, because: Because = Because(),
         progress: Progress = lambda done: None, now: datetime | None = None) -> Outcome:
    """Change cells, each only if it still holds what the user saw.

    A cell that was changed meanwhile is refused with a Conflict that says who changed it, to what and when; the other
    cells are kept, also those of the same lead. A value that a cell already holds changes nothing. ``because`` is why
    the leads are lost that become lost by this. Raises Invalid for a reason that does not exist, and Duplicate, and
    writes nothing, when another lead is given the same e-mail address at this very moment.
    """
    now = now or datetime.now(UTC)
    because = because.cleaned()
    batch_id = uuid.uuid4()
    changes: dict[uuid.UUID, Change] = {}
    refused: list[Refusal] = []
    wanted: dict[uuid.UUID, list[tuple[int, Edit]]] = {}
    for place, each in enumerate(edits):
        wanted.setdefault(each.lead_id, []).append((place, each))
    _hold_firms(session, actor, edits)
    done = 0
    for chunk in in_chunks(wanted):
        locked = lock(session, actor, chunk, refused)
        # In the order in which they came: of two leads that are given one address, the first gets it.
        for _, each in sorted((each for lead_id in locked for each in wanted[lead_id]), key=lambda pair: pair[0]):
            lead = locked[each.lead_id]
            try:
                _edit(session, actor, lead, each, changes)
            except LeadDeskError as error:
                refused.append(Refusal(each.lead_id, name_of(lead), error))
        written = [changes[lead_id] for lead_id in chunk if lead_id in changes]
        statuses = [change for change in written if list(change.after) == ["status"]]
        others = [change for change in written if list(change.after) != ["status"]]
        conversion.follow(session, locked, written, now=now)
        lost.follow(locked, written, now=now, because=because)
        write(session, written)
        history.record(session, actor, batch_id, "status_changed", statuses, now=now)
        history.record(session, actor, batch_id, "edited", others, now=now)
        done += len(chunk)
        progress(done)
    return _outcome(batch_id, (each.lead_id for each in edits), changes, refused)


def _hold_firms(session: Session, actor: Actor, edits: Sequence[Edit]) -> None:
    """Take the names of the firms that these edits may make, before any lead is locked."""
    names = []
    for each in edits:
        if each.field == "company":
            try:
                names.append(clean("company", each.value, NEW_CHECKS))
            except Invalid:
                continue
    if any(names):
        firms.hold(session, actor, [name for name in dict.fromkeys(names) if name])


def _edit(session: Session, actor: Actor, lead: Row, edit: Edit, changes: dict[uuid.UUID, Change]) -> None:
    """Add one cell's change to ``changes``, unless it holds the value already."""
    value = clean(edit.field, edit.value, NEW_CHECKS)
    check_change(actor, lead.assigned_to_user_id, lead.owner)
    if edit.field == "status" and actor.source == "api":
        check_moves_on(lead.status, value)
    held = getattr(lead, edit.field)
    held = list(held or []) if edit.field == "tags" else held
    if held == value:
        return
    if edit.seen is not ANYTHING and not _is_what_was_seen(edit, held):
        raise _conflict(session, actor, lead, edit.field, held, value)
    if edit.field in ("email", "linkedin_url") and value is not None:
        refuse_known(session, actor, {edit.field: value}, but=lead.id)
    if edit.field == "email" and value is not None:
        _refuse_twice(value, changes.values())
    column = edit.field
    if column == "company":
        column, held, value = "lead_company_id", lead.lead_company_id, value and firms.made(session, actor, [value])[value]
        if held == value:
            return
    change = changes.setdefault(edit.lead_id, Change(edit.lead_id, {}, {}))
    change.before[column], change.after[column] = held, value


def assign(session: Session, actor: Actor, lead_ids: Sequence[uuid.UUID], *, to: uuid.UUID | None,
           seen: uuid.UUID | None | Anything = ANYTHING, progress: Progress = lambda done: None,
           now: datetime | None = None) -> Outcome:
    """Give leads to an active colleague, or to nobody (``to=None``).

    A lead that already is theirs stays as it is. ``seen`` is the owner that the user saw, for an edit in a list.
    Raises NotFound or Invalid when ``to`` cannot own leads; what is wrong with a single lead is among the refusals.
    """
    return assign_each(session, actor, dict.fromkeys(lead_ids, to), seen=seen, progress=progress, now=now)


def assign_each(session: Session, actor: Actor, owners: Mapping[uuid.UUID, uuid.UUID | None], *,
                seen: uuid.UUID | None | Anything = ANYTHING, detail: Mapping[str, Any] | None = None,
                is_by_turn: bool = False, progress: Progress = lambda done: None,
                now: datetime | None = None) -> Outcome:
    """``assign`` for leads that go to several colleagues, as one batch; ``owners`` says which lead goes to whom.

    ``detail`` is told with each event. ``is_by_turn`` is for a machine's choice, for which the actor needs no right to
    give leads to others: only unassigned leads are given then.
    """
    now = now or datetime.now(UTC)
    batch_id = uuid.uuid4()
    # In one order, so that two batches for the same colleagues cannot block each other; and before any lead.
    checks = [users.checking_can_own(session, actor, to) for to in sorted(set(owners.values()) - {None})]
    changes: dict[uuid.UUID, Change] = {}
    refused: list[Refusal] = []
    done = 0
    for chunk in in_chunks(owners):
        locked = lock(session, actor, chunk, refused)
        while checks:
            checks.pop(0)()
        for lead in locked.values():
            held, to = lead.assigned_to_user_id, owners[lead.id]
            if held == to or (is_by_turn and held is not None):
                continue
            try:
                if not is_by_turn:
                    check_assign(actor, held, lead.owner, to)
                if seen is not ANYTHING and held != seen:
                    raise _conflict(session, actor, lead, "assigned_to_user_id", held, to)
            except LeadDeskError as error:
                refused.append(Refusal(lead.id, name_of(lead), error))
                continue
            changes[lead.id] = Change(
                lead.id, {"assigned_to_user_id": held, "assigned_at": lead.assigned_at},
                {"assigned_to_user_id": to, "assigned_at": now if to else None}, detail and dict(detail))
        written = [changes[lead_id] for lead_id in chunk if lead_id in changes]
        write(session, written)
        history.record(session, actor, batch_id, "assigned", written, now=now)
        done += len(chunk)
        progress(done)
    return _outcome(batch_id, owners, changes, refused)


def lock(session: Session, actor: Actor, lead_ids: Iterable[uuid.UUID], refused: list[Refusal]) -> dict[uuid.UUID, Row]:
    """The leads by id with their owner's name, locked until the transaction ends; missing ones join ``refused``.

    Rows are locked in the order of their ids, so that two batches over the same leads cannot block each other.
    """
    wanted = list(dict.fromkeys(lead_ids))
    locked = {row.id: row for row in _LOCK.rows(session, {"company": actor.company_id, "leads": wanted}).all()}
    refused.extend(Refusal(lead_id, "", NotFound(NO_SUCH_LEAD)) for lead_id in wanted if lead_id not in locked)
    return locked


def write(session: Session, changes: Iterable[Change]) -> None:
    """Write the changed columns only; leads that change alike share a statement."""
    alike: dict[str, tuple[dict[str, Any], list[uuid.UUID]]] = {}
    for change in changes:
        alike.setdefault(repr(sorted(change.after.items())), (change.after, []))[1].append(change.lead_id)
    for values, lead_ids in alike.values():
        statement = _set(tuple(sorted((column, value is None) for column, value in values.items())))
        given = {"leads": lead_ids} | {f"to_{column}": value for column, value in values.items() if value is not None}
        if "email" not in values:
            statement.later(session, given)
            continue
        try:
            with session.begin_nested():
                statement.now(session, given)
        except IntegrityError as error:
            # Somebody else took the address between the look and the write.
            raise Duplicate(f"Another lead has just been given the e-mail address {values['email']}.",
                            lead_id=_who_has(session, lead_ids, values["email"]), field="email") from error


@functools.lru_cache(maxsize=256)
def _set(columns: tuple[tuple[str, bool], ...]) -> Write:
    """Set these columns, each to NULL or to what is given. NULL is said outright: a JSONB column would be given JSON's
    own null, which IS NULL does not find."""
    return Write(update(_LEADS).where(_AMONG).values(
        {name: null() if is_null else bindparam(f"to_{name}", type_=_LEADS.c[name].type) for name, is_null in columns}))


def _who_has(session: Session, lead_ids: Sequence[uuid.UUID], email: str) -> uuid.UUID | None:
    """The lead of the same company that holds this address, if it still does."""
    company = select(_LEADS.c.company_id).where(_LEADS.c.id == lead_ids[0]).scalar_subquery()
    return session.scalar(select(_LEADS.c.id).where(_LEADS.c.company_id == company, _LEADS.c.email == email))


def _outcome(batch_id: uuid.UUID, asked: Iterable[uuid.UUID], changes: Mapping[uuid.UUID, Change],
             refused: list[Refusal]) -> Outcome:
    apart = set(changes) | {refusal.lead_id for refusal in refused}
    return Outcome(batch_id, list(changes), [each for each in dict.fromkeys(asked) if each not in apart], refused)


def _is_what_was_seen(edit: Edit, held: Any) -> bool:
    """Whether a cell holds what the user saw in it, which may be older than today's rules for the field."""
    if held == edit.seen:
        return True
    try:
        return held == clean(edit.field, edit.seen, NEW_CHECKS)
    except Invalid:
        return False


def _conflict(session: Session, actor: Actor, lead: Row, field: str, theirs: Any, yours: Any) -> Conflict:
    # A firm is known by its name and kept by its id.
    column, held = ("lead_company_id", lead.lead_company_id) if field == "company" else (field, theirs)
    change = history.last_change(session, actor, lead.id, column, held=held)
    by, at = (change.actor, change.at) if change else (None, None)
    message = f"{LABELS[field]} was changed by {by or 'somebody else'} after you opened this list."
    return Conflict(message, lead_id=lead.id, field=field, theirs=theirs, yours=yours, by=by, at=at)


def refuse_known(session: Session, actor: Actor, values: Mapping[str, Any], *, but: uuid.UUID | None = None) -> None:
    """Raise Duplicate when another lead than ``but`` has this e-mail or LinkedIn address."""
    refusing_known(session, actor, values, but=but)()


def refusing_known(session: Session, actor: Actor, values: Mapping[str, Any], *,
                   but: uuid.UUID | None = None) -> Callable[[], None]:
    """``refuse_known`` that goes out with the next statement, and refuses when what is returned is called."""
    known = addresses.sought(session, actor, values.get("email"), values.get("linkedin_url"))

    def refuse() -> None:
        for other in known():
            if other.id == but:
                continue
            what = "e-mail address" if other.same == "email" else "LinkedIn address"
            raise Duplicate(f"{name_of(other)} already has the {what} {values[other.same]}.", lead_id=other.id,
                            field=other.same)
    return refuse


def _refuse_twice(email: str, changes: Iterable[Change]) -> None:
    for change in changes:
        if change.after.get("email") == email:
            raise Duplicate(f"Two leads cannot have the same e-mail address {email}.", lead_id=change.lead_id,
                            field="email")
