"""Somebody leaves: their open leads are handed over and they are deactivated, in one batch that can be undone."""

import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from lib import assignment, leads, lists, settings_log, team, tokens, users
from lib.assignment import Plan, Strategy
from lib.auth import Actor, check_manage
from lib.errors import Invalid
from lib.filters import LeadFilter
from lib.history import Outcome
from lib.leads import Progress
from lib.models import Lead, Status
from lib.views import OPEN

# Whoever talks with a lead is somebody's choice, not a strategy's.
CONVERSATIONS = (Status.CONVERSING, Status.QUALIFIED)
REST = tuple(status for status in OPEN if status not in CONVERSATIONS)


def hand_over(session: Session, actor: Actor, user_id: uuid.UUID, *, conversations_to: uuid.UUID | None,
              strategy: Strategy = Strategy.LEAST_LOADED, now: datetime | None = None) -> Plan:
    """What becomes of somebody's open leads: conversations go to a named colleague, the rest by strategy.

    Raises NotAllowed unless the actor manages the company, NotFound for anybody outside it, and Invalid when there are
    conversations and nobody, or the leaver, is named for them, or when the actor is the leaver.
    """
    check_manage(actor)
    leaver = users.find(session, actor, user_id)
    if user_id == actor.user_id:
        raise Invalid.field("user_id", "You cannot deactivate yourself. Ask another manager.")
    talked_with = lists.matching(session, actor, LeadFilter(assigned_to=user_id, statuses=CONVERSATIONS))
    if talked_with and conversations_to in (None, user_id):
        raise Invalid.field("conversations_to", f"Choose who goes on with the {len(talked_with):,} leads that "
                                                f"{leaver.name} is in conversation with or has qualified.")
    rest = lists.matching(session, actor, LeadFilter(assigned_to=user_id, statuses=REST), order="score")
    who = assignment.turns(session, actor, strategy=strategy, now=now)
    who = replace(who, candidates=[each for each in who.candidates if each.user_id != user_id],
                  skipped=[each for each in who.skipped if each.user_id != user_id])
    made = assignment.plan(rest, who, strategy)
    owners = {**dict.fromkeys(talked_with, conversations_to), **made.owners}
    return replace(made, owners=owners, shares=Counter(owners.values()), reason=f"{leaver.name} has left")


def leave(session: Session, actor: Actor, user_id: uuid.UUID, agreed: Plan, *, progress: Progress = lambda done: None,
          now: datetime | None = None) -> Outcome:
    """Deactivate somebody and carry out the plan for their leads; undoing the batch brings both back, but not their
    API tokens, which end for good.

    Raises Invalid when an open lead of theirs is not in the plan: when nobody has room for it, or when it has come in
    since; and when nobody would be left to manage the company. Nothing is done then.
    """
    check_manage(actor)
    now = now or datetime.now(UTC)
    leaver = users.find(session, actor, user_id)
    assignment.take_turns(session, actor)
    team.check_manager_remains(session, actor, user_id)
    assignment.note_turns(session, actor, agreed, now)
    # From here on nobody can give them leads: whoever does so looks at this very row first.
    settings_log.change(session, actor, settings_log.USER, user_id, {"is_active": False}, action="deactivated", now=now)
    tokens.revoke_all(session, actor, user_id, now=now)
    outcome = leads.assign_each(session, actor, agreed.owners, progress=progress, now=now,
                                detail={**assignment.detail_of(agreed), "left": str(user_id)})
    left_over = session.scalar(select(func.count()).where(
        Lead.company_id == actor.company_id, Lead.assigned_to_user_id == user_id, Lead.status.in_(OPEN)))
    if left_over:
        raise Invalid.field("user_id", f"{left_over:,} open leads of {leaver.name}'s would be left without an owner. "
                                       "Look at the plan again, or move them first.")
    return outcome


def come_back(session: Session, actor: Actor, user_id: uuid.UUID, *, now: datetime | None = None) -> bool:
    """Let somebody who was deactivated in again; False when they have access anyway.

    Raises NotAllowed unless the actor manages the company, NotFound, and Invalid for somebody who was erased.
    """
    check_manage(actor)
    users.find(session, actor, user_id)
    if team.is_erased(session, actor, user_id):
        raise Invalid.field("user_id", "Their data was erased, so there is nobody to come back. Invite them anew.")
    return settings_log.change(session, actor, settings_log.USER, user_id, {"is_active": True}, action="reactivated",
                               now=now or datetime.now(UTC))
