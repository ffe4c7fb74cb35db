"""Who gets which lead: strategies that share leads out fairly, and say whom they left out and why.

A plan is made first and can be looked at; what is carried out is the plan. Automatic assignment makes and carries it out
in one go, under a lock of the company: two callers at once would otherwise pick by the same stale order, as a row lock
makes PostgreSQL read the row again but not the order in which the rows came.
"""

import enum
import heapq
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Row, bindparam, case, func, literal, select, text, update
from sqlalchemy.orm import Session

from lib import leads
from lib.auth import Actor
from lib.errors import NobodyAvailable, NotAllowed, NotFound
from lib.history import Outcome
from lib.leads import Progress
from lib.models import Lead, Role, User
from lib.round_trips import ANSWER_LATER
from lib.views import OPEN


class Strategy(enum.StrEnum):
    """Round robin: whoever has waited longest is next. Least loaded: whoever has the fewest open leads is."""

    ROUND_ROBIN = "round_robin"
    LEAST_LOADED = "least_loaded"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who can be given leads now. ``open_leads`` is None where nothing depends on it and it was not counted."""

    user_id: uuid.UUID
    name: str
    open_leads: int | None
    most_open_leads: int | None
    last_assigned_at: datetime | None


@dataclass(frozen=True, slots=True)
class Skipped:
    """Somebody who gets nothing, and why, as a sentence goes on: “is away until 3 March”."""

    user_id: uuid.UUID
    name: str
    reason: str
    full_at: int | None = None
    """How many open leads they take at most, where that is the reason."""
    open_leads: int | None = None


@dataclass(frozen=True, slots=True)
class Turns:
    """Who can be given leads, whoever is next first, and who cannot."""

    candidates: Sequence[Candidate]
    skipped: Sequence[Skipped]


@dataclass(frozen=True)
class Plan:
    """Which lead goes to whom. ``left`` are the leads for which nobody has room."""

    strategy: Strategy
    owners: Mapping[uuid.UUID, uuid.UUID]
    shares: Mapping[uuid.UUID, int]
    candidates: Sequence[Candidate]
    skipped: Sequence[Skipped]
    left: Sequence[uuid.UUID] = field(default=())
    reason: str = ""
    """Why these leads get a new owner, where the strategy alone does not tell."""


_USERS, _LEADS = User.__table__, Lead.__table__
_LOAD = (
    select(func.count())
    .where(_LEADS.c.company_id == _USERS.c.company_id, _LEADS.c.assigned_to_user_id == _USERS.c.id,
           _LEADS.c.status.in_(bindparam("open", expanding=True, literal_execute=True)))
    .scalar_subquery()
)
_TAKE_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(:line, 0))").execution_options(**ANSWER_LATER)
_OWNER = select(_LEADS.c.assigned_to_user_id, _LEADS.c.status).where(
    _LEADS.c.company_id == bindparam("company"), _LEADS.c.id == bindparam("lead"))
_TURNS = (
    select(*(_USERS.c[name] for name in ("id", "name", "role", "is_active", "is_service", "takes_leads", "away_from",
                                         "away_until", "last_assigned_at", "most_open_leads")),
           case((_USERS.c.is_active & (_USERS.c.most_open_leads.is_not(None) | bindparam("count_all")), _LOAD))
           .label("open_leads"))
    .where(_USERS.c.company_id == bindparam("company"))
    .order_by(_USERS.c.last_assigned_at.asc().nulls_first(), _USERS.c.created_at, func.lower(_USERS.c.name),
              _USERS.c.id)
)


def turns(session: Session, actor: Actor, *, strategy: Strategy = Strategy.ROUND_ROBIN,
          among: Sequence[uuid.UUID] | None = None, now: datetime | None = None) -> Turns:
    """Who is next by this strategy, and who is passed over and why; one statement.

    Candidates are active reps who take leads, are not away at ``now`` and have room; with ``among``, those of these
    colleagues, whatever their role. Ties of load go to whoever has waited longest.
    """
    now = now or datetime.now(UTC)
    rows = session.execute(_TURNS, {"company": actor.company_id, "count_all": strategy == Strategy.LEAST_LOADED,
                                    "open": [status.value for status in OPEN]}).all()
    candidates, skipped = [], []
    for row in rows:
        if (row.role != Role.REP if among is None else row.id not in among):
            continue
        reason = _why_not(row, now)
        if reason:
            skipped.append(Skipped(row.id, row.name, reason))
        elif row.most_open_leads is not None and row.open_leads >= row.most_open_leads:
            reason = f"has {row.open_leads:,} open leads, which is the most they take"
            skipped.append(Skipped(row.id, row.name, reason, row.most_open_leads, row.open_leads))
        else:
            candidates.append(Candidate(row.id, row.name, row.open_leads, row.most_open_leads, row.last_assigned_at))
    if strategy == Strategy.LEAST_LOADED:
        # A stable sort: those with equally much to do stay in the order of their turns.
        candidates.sort(key=lambda each: each.open_leads)
    return Turns(candidates, skipped)


def plan(lead_ids: Sequence[uuid.UUID], who: Turns, strategy: Strategy) -> Plan:
    """Share these leads out, in their order. Nobody gets more than they have room for."""
    waiting = [(each.open_leads if strategy == Strategy.LEAST_LOADED else 0, place, each)
               for place, each in enumerate(who.candidates)]
    heapq.heapify(waiting)
    owners: dict[uuid.UUID, uuid.UUID] = {}
    shares = {each.user_id: 0 for each in who.candidates}
    rest = list(lead_ids)
    turn = len(waiting)
    for number, lead_id in enumerate(rest):
        if not waiting:
            return Plan(strategy, owners, shares, who.candidates, who.skipped, rest[number:])
        load, _, candidate = heapq.heappop(waiting)
        owners[lead_id] = candidate.user_id
        shares[candidate.user_id] += 1
        turn += 1
        if candidate.most_open_leads is None or (
                (candidate.open_leads or 0) + shares[candidate.user_id] < candidate.most_open_leads):
            heapq.heappush(waiting, (load + (strategy == Strategy.LEAST_LOADED), turn, candidate))
    return Plan(strategy, owners, shares, who.candidates, who.skipped)


def carry_out(session: Session, actor: Actor, agreed: Plan, *, progress: Progress = lambda done: None,
              now: datetime | None = None) -> Outcome:
    """Assign the leads of a plan to whom it names, as one batch; whoever gets leads goes to the end of the line.

    Raises NotFound or Invalid when somebody of the plan can no longer own leads; what is wrong with a single lead is
    among the refusals.
    """
    now = now or datetime.now(UTC)
    take_turns(session, actor)
    note_turns(session, actor, agreed, now)
    return leads.assign_each(session, actor, agreed.owners, detail=detail_of(agreed), progress=progress, now=now)


def auto_assign(session: Session, actor: Actor, lead_id: uuid.UUID, *, strategy: Strategy = Strategy.ROUND_ROBIN,
                now: datetime | None = None) -> Outcome:
    """Give an unassigned lead to whoever is next. A lead that has an owner stays as it is.

    Raises NotFound, and NobodyAvailable when nobody can take it. Any number of callers at once give each lead to one person
    and the same number of leads, give or take one, to everybody.
    """
    now = now or datetime.now(UTC)
    take_turns(session, actor)
    held = session.execute(_OWNER, {"company": actor.company_id, "lead": lead_id}).one_or_none()
    if held is None:
        raise NotFound(leads.NO_SUCH_LEAD)
    if held.assigned_to_user_id is not None:
        return Outcome(uuid.uuid4(), (), [lead_id])
    who = turns(session, actor, strategy=strategy, now=now)
    if not who.candidates:
        raise NobodyAvailable(nobody_can(who))
    agreed = plan([lead_id], who, strategy)
    with session.begin_nested() as attempt:
        note_turns(session, actor, agreed, now)
        outcome = leads.assign_each(session, actor, agreed.owners, detail=detail_of(agreed), is_by_turn=True, now=now)
        if not outcome.done:
            # Somebody else has just taken it, so nobody has had a turn.
            attempt.rollback()
    return outcome.or_raise()


def nobody_can(who: Turns) -> str:
    """The sentence for when there is nobody to give leads to."""
    if not who.skipped:
        return "There is no rep in this company to give leads to."
    return "Nobody can take leads now: " + "; ".join(f"{each.name} {each.reason}" for each in who.skipped[:5]) + "."


def take_turns(session: Session, actor: Actor) -> None:
    """Wait until nobody else of the company is sharing leads out, until the transaction ends."""
    session.execute(_TAKE_TURN, {"line": f"{actor.company_id}/turns"})


def check_may_plan(actor: Actor) -> None:
    """Raise NotAllowed unless the actor may share out the leads of others."""
    if actor.role == Role.REP:
        raise NotAllowed("Only a team lead or a manager can share out leads.")


def _why_not(row: Row, now: datetime) -> str | None:
    if not row.is_active:
        return "has left"
    if row.is_service:
        return "is a service user"
    if not row.takes_leads:
        return "takes no leads"
    if row.away_from is not None and row.away_from <= now and (row.away_until is None or now < row.away_until):
        return f"is away until {row.away_until:%-d %B}" if row.away_until else "is away"
    return None


def note_turns(session: Session, actor: Actor, agreed: Plan, now: datetime) -> None:
    """Send those who get leads to the end of the line, in the order in which each gets their last one.

    This comes before any lead is locked, as in every assignment: people first, in the order of their ids, then leads.
    Otherwise an assignment by hand, which holds a person and waits for a lead, could block one that does the opposite.
    """
    last = {user_id: place for place, user_id in enumerate(agreed.owners.values())}
    if not last:
        return
    mine = _USERS.c.company_id == actor.company_id
    # Not against a lead that gets one of them as its owner: whoever writes that, such as an undo, holds the lead.
    session.execute(select(_USERS.c.id).where(mine, _USERS.c.id.in_(last)).order_by(_USERS.c.id)
                    .with_for_update(key_share=True), execution_options=ANSWER_LATER)
    latest = session.scalar(select(func.max(_USERS.c.last_assigned_at)).where(mine))
    # Moments differ, or equal ones would be told apart by something else than whose turn it was.
    start = max(now, latest + timedelta(microseconds=1)) if latest else now
    places = sorted(last, key=last.get)
    at = {user_id: start + timedelta(microseconds=place) for place, user_id in enumerate(places)}
    session.execute(update(_USERS).where(mine, _USERS.c.id.in_(last)).values(
        last_assigned_at=case(*((_USERS.c.id == user_id, literal(moment)) for user_id, moment in at.items()))),
        execution_options=ANSWER_LATER)


def detail_of(agreed: Plan) -> dict:
    """What an event tells of a plan: the strategy, the candidates in their order, who was passed over, and the reason."""
    return {"strategy": agreed.strategy.value, "candidates": [str(each.user_id) for each in agreed.candidates],
            "skipped": [[each.name, each.reason] for each in agreed.skipped],
            "reason": agreed.reason or ("waited longest" if agreed.strategy == Strategy.ROUND_ROBIN
                                        else "has the fewest open leads")}
