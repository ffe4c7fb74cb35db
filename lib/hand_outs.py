"""What a manager hands out, moves and evens out: which leads, to whom, as a plan to look at before anything is done."""

import bisect
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from lib import assignment, lists
from lib.assignment import Plan, Strategy, Turns
from lib.auth import Actor
from lib.errors import Invalid
from lib.filters import LeadFilter
from lib.lists import BULK_LIMIT
from lib.models import Status
from lib.views import OPEN

# What somebody else can take over without a word to the lead: nobody is waiting for an answer of this very person.
MOVABLE = (Status.NEW, Status.ENRICHED, Status.CONTACTED)
NOT_IN_CONVERSATION = tuple(status for status in OPEN if status is not Status.CONVERSING)


def from_pool(session: Session, actor: Actor, *, statuses: Sequence[str] = OPEN, count: int = BULK_LIMIT,
              to: Sequence[uuid.UUID] | None = None, strategy: Strategy = Strategy.ROUND_ROBIN,
              now: datetime | None = None) -> Plan:
    """Hand out at most ``count`` leads that nobody owns, the best scores first, to ``to`` or to all who take leads.

    Raises NotAllowed for a rep, and Invalid for a ``count`` below 1 or above BULK_LIMIT.
    """
    return _plan(session, actor, LeadFilter(unassigned=True, statuses=tuple(statuses)), count, to, strategy, now)


def from_owner(session: Session, actor: Actor, owner: uuid.UUID, *, statuses: Sequence[str] = OPEN,
               count: int = BULK_LIMIT, to: Sequence[uuid.UUID] | None = None,
               strategy: Strategy = Strategy.LEAST_LOADED, now: datetime | None = None) -> Plan:
    """Move at most ``count`` leads of somebody's, the best scores first; they do not get any of them back.

    Raises NotAllowed for a rep, and Invalid for a ``count`` below 1 or above BULK_LIMIT.
    """
    return _plan(session, actor, LeadFilter(assigned_to=owner, statuses=tuple(statuses)), count, to, strategy, now,
                 without=owner)


def evened_out(session: Session, actor: Actor, *, now: datetime | None = None) -> Plan:
    """Move leads from those who have more than their share of the open ones to those who have less.

    Only leads that nobody is talking with move (MOVABLE), those of the lowest score first, so that a desk keeps what is
    in work and what is best. Who is full gives leads, but gets none; who is away or takes none is left alone. Raises
    NotAllowed for a rep.
    """
    assignment.check_may_plan(actor)
    who = assignment.turns(session, actor, strategy=Strategy.LEAST_LOADED, now=now or datetime.now(UTC))
    desks = {each.user_id: (each.open_leads, each.most_open_leads) for each in who.candidates} | {
        each.user_id: (each.open_leads, each.full_at) for each in who.skipped if each.full_at is not None}
    fair = _fair_shares(desks)
    moved: list[uuid.UUID] = []
    for user_id, (load, _) in desks.items():
        if (surplus := load - fair[user_id]) > 0:
            moved += lists.matching(session, actor, LeadFilter(assigned_to=user_id, statuses=MOVABLE), order="score-up",
                                    limit=surplus)[:surplus]
    takers = [replace(each, most_open_leads=fair[each.user_id]) for each in who.candidates
              if each.open_leads < fair[each.user_id]]
    planned = assignment.plan(moved, replace(who, candidates=takers), Strategy.LEAST_LOADED)
    return replace(planned, reason="to even out the load", candidates=who.candidates)


def _fair_shares(desks: Mapping[uuid.UUID, tuple[int, int | None]]) -> dict[uuid.UUID, int]:
    """How many each desk (its load, and the most it takes) is to have: as even as that allows, moving as few as can be.

    A level that all desks are filled to, or to their own brim. Where it does not come out even, the fullest ones keep
    one more.
    """
    total = sum(load for load, _ in desks.values())

    def filled(level: int) -> int:
        return sum(level if most is None else min(level, most) for _, most in desks.values())

    level = bisect.bisect_left(range(total + 1), total, key=filled)
    below = max(level - 1, 0)
    fair = {user_id: below if most is None else min(below, most) for user_id, (_, most) in desks.items()}
    rest = total - sum(fair.values())
    for user_id, (load, most) in sorted(desks.items(), key=lambda each: -each[1][0]):
        if rest > 0 and (most is None or fair[user_id] < most):
            fair[user_id] += 1
            rest -= 1
    return fair


def _plan(session: Session, actor: Actor, wanted: LeadFilter, count: int, to: Sequence[uuid.UUID] | None,
          strategy: Strategy, now: datetime | None, without: uuid.UUID | None = None) -> Plan:
    assignment.check_may_plan(actor)
    if not 1 <= count <= BULK_LIMIT:
        raise Invalid.field("count", f"How many leads has to be a number from 1 to {BULK_LIMIT:,}.")
    found = lists.matching(session, actor, wanted, order="score", limit=count)[:count]
    who = assignment.turns(session, actor, strategy=strategy, among=to, now=now)
    return assignment.plan(found, _without(who, without), strategy)


def _without(who: Turns, user_id: uuid.UUID | None) -> Turns:
    return replace(who, candidates=[each for each in who.candidates if each.user_id != user_id])
