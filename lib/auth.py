"""Who is acting, and what each role may do."""

import uuid
from dataclasses import dataclass

from lib.errors import NotAllowed
from lib.models import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """The person, or the machine on a person's behalf, that a call acts for.

    ``source`` is where the call came from, ``ui`` or ``api``, and ends up in the lead's timeline.
    ``follow_up_days`` is the company's setting for when an unanswered contact is due again, ``auto_assign`` the strategy
    by which its leads are assigned as they are enriched, if any. ``time_zone`` is the person's own setting, an IANA name;
    None means the browser's.
    """

    user_id: uuid.UUID
    company_id: uuid.UUID
    name: str
    role: Role
    company: str = ""
    follow_up_days: int = 7
    source: str = "ui"
    auto_assign: str | None = None
    time_zone: str | None = None


def operator(company_id: uuid.UUID) -> Actor:
    """Whoever works at the server's command line: a manager of the company who is none of its users."""
    return Actor(user_id=None, company_id=company_id, name="The administrator", role=Role.MANAGER, source="system")


# The whole of who may do what to a lead of their own company; a lead of another company is never found at all.
#
#                      change a lead        assign a lead                       log for somebody else
RULES = {
    Role.REP:       ({"own", "unassigned"}, {"own to anyone", "unassigned to me"}, False),
    Role.TEAM_LEAD: ({"any"},               {"any to anyone"},                     True),
    Role.MANAGER:   ({"any"},               {"any to anyone"},                     True),
}


def check_change(actor: Actor, owner_id: uuid.UUID | None, owner: str | None) -> None:
    """Raise NotAllowed unless the actor may change a lead with this owner (None: unassigned)."""
    allowed, _, _ = RULES[actor.role]
    if not allowed & {"any", _whose(actor, owner_id)}:
        raise NotAllowed(f"It belongs to {owner}. Ask {owner} or a team lead to change it.")


def check_assign(actor: Actor, owner_id: uuid.UUID | None, owner: str | None, to: uuid.UUID | None) -> None:
    """Raise NotAllowed unless the actor may move a lead from this owner to ``to`` (None: unassign)."""
    _, allowed, _ = RULES[actor.role]
    whose = _whose(actor, owner_id)
    target = "to me" if to == actor.user_id else "to somebody else"
    if allowed & {"any to anyone", f"{whose} to anyone", f"{whose} {target}"}:
        return
    if whose == "unassigned":
        raise NotAllowed("You can take an unassigned lead yourself; a team lead can give it to somebody else.")
    raise NotAllowed(f"It belongs to {owner}. Ask {owner} or a team lead to hand it over.")


def check_log_for(actor: Actor, user_id: uuid.UUID) -> None:
    """Raise NotAllowed unless the actor may log a contact that ``user_id`` made."""
    _, _, for_others = RULES[actor.role]
    if user_id != actor.user_id and not for_others:
        raise NotAllowed("Only a team lead can log a contact that somebody else made.")


def check_manage(actor: Actor, to: str = "do this") -> None:
    """Raise NotAllowed unless the actor manages the company; ``to`` is what only a manager can do."""
    if actor.role is not Role.MANAGER:
        raise NotAllowed(f"Only a manager can {to}.")


def check_contact(actor: Actor, made_by: uuid.UUID, name: str) -> None:
    """Raise NotAllowed unless the actor may correct or remove a contact that ``made_by``, of this name, made."""
    if not may_correct(actor, made_by):
        raise NotAllowed(f"{name} made this contact. Ask {name} or a team lead to change it.")


def may_correct(actor: Actor, made_by: uuid.UUID) -> bool:
    """Everybody may correct and remove the contacts they made, a team lead those of anybody."""
    return made_by == actor.user_id or RULES[actor.role][2]


def may_undo(actor: Actor, author_id: uuid.UUID | None) -> bool:
    """Everybody may undo what they did themselves, a team lead what anybody did."""
    return author_id == actor.user_id or actor.role in (Role.TEAM_LEAD, Role.MANAGER)


def _whose(actor: Actor, owner_id: uuid.UUID | None) -> str:
    if owner_id is None:
        return "unassigned"
    return "own" if owner_id == actor.user_id else "other's"
