"""The named lists of My Queue: the four numbers' own lists first, each with the rule that it states on hover."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lib import counts
from lib.auth import Actor
from lib.filters import LeadFilter
from lib.models import Method, Status

QUIET_DAYS = 30
UNANSWERED_CONTACTS = 3
OPEN = tuple(s for s in Status if s not in (Status.CONVERTED, Status.LOST))


@dataclass(frozen=True)
class View:
    """``rule`` is a sentence that may name ``{days}``; ``order`` is a key of ``orders.ORDERS``."""

    title: str
    rule: str
    filter: Callable[[Actor, datetime], LeadFilter]
    order: str = "waiting"
    empty: str = "Nothing here right now."

    def rule_for(self, actor: Actor) -> str:
        return self.rule.format(days=actor.follow_up_days)


def follow_ups_before(actor: Actor, now: datetime) -> datetime:
    """The specification's “Follow-ups Due”: contacted longer ago than the company's days (seven unless set)."""
    return now - timedelta(days=actor.follow_up_days)


def due_by_days(actor: Actor, now: datetime) -> dict[str, datetime | date]:
    """The parameters of a statement that counts follow-ups due by the days that are kept, which are those of UTC: until
    when they are due, and the day on which that is, of which each lead has to be looked at."""
    due_before = follow_ups_before(actor, now)
    last_day_begins = counts.day_begins(due_before)
    return {"due_before": due_before, "last_day_begins": last_day_begins, "last_day": last_day_begins.date()}


def _last_by(method: Method, words: str) -> View:
    return View(
        f"Last touch by {words}", f"Your leads whose latest contact was made by {words}.",
        lambda actor, now: LeadFilter(assigned_to=actor.user_id, last_contact_methods=(method,)))


VIEWS: dict[str, View] = {
    "mine": View(
        "My leads", "Every lead that is assigned to you, whatever its status.",
        lambda actor, now: LeadFilter(assigned_to=actor.user_id),
        empty="No lead is assigned to you yet. Take one from the list “Unassigned”."),
    "ready": View(
        "Ready for outreach", "Your leads with status Enriched: their details are complete, nobody has written yet.",
        lambda actor, now: LeadFilter(assigned_to=actor.user_id, statuses=(Status.ENRICHED,)), order="score",
        empty="Nothing is waiting for a first message. New leads appear here once they are enriched."),
    "conversing": View(
        "In conversation", "Your leads with status Conversing.",
        lambda actor, now: LeadFilter(assigned_to=actor.user_id, statuses=(Status.CONVERSING,)),
        empty="Nobody is in conversation with you yet."),
    "due": View(
        "Follow-ups due", "Everybody's leads with status Contacted or Conversing whose last contact is more than "
                          "{days} days ago.",
        lambda actor, now: LeadFilter(awaits_answer=True, last_contacted_before=follow_ups_before(actor, now)),
        empty="No follow-up is due in the whole team."),
    "my-due": View(
        "My follow-ups due", "Your leads with status Contacted or Conversing whose last contact is more than "
                             "{days} days ago.",
        lambda actor, now: LeadFilter(assigned_to=actor.user_id, awaits_answer=True,
                                      last_contacted_before=follow_ups_before(actor, now)),
        empty="You have answered everybody: no follow-up of yours is due."),
    "quiet": View(
        f"Not contacted in {QUIET_DAYS} days",
        f"Your open leads whose last contact is more than {QUIET_DAYS} days ago. Leads that were never contacted are "
        "not among them.",
        lambda actor, now: LeadFilter(assigned_to=actor.user_id, statuses=OPEN,
                                      last_contacted_before=now - timedelta(days=QUIET_DAYS)),
        empty=f"You have been in touch with everybody in the last {QUIET_DAYS} days."),
    "unanswered": View(
        f"{UNANSWERED_CONTACTS}+ contacts, no answer",
        f"Your leads with status Contacted that were contacted {UNANSWERED_CONTACTS} times or more.",
        lambda actor, now: LeadFilter(assigned_to=actor.user_id, statuses=(Status.CONTACTED,),
                                      contact_count_min=UNANSWERED_CONTACTS),
        empty=f"Nobody has left you without an answer {UNANSWERED_CONTACTS} times."),
    "email": _last_by(Method.EMAIL, "e-mail"),
    "linkedin": _last_by(Method.LINKEDIN, "LinkedIn"),
    "call": _last_by(Method.CALL, "call"),
    "unassigned": View(
        "Unassigned", "Open leads of the company that nobody owns. You can take them.",
        lambda actor, now: LeadFilter(unassigned=True, statuses=OPEN), order="score",
        empty="Every open lead has an owner."),
}
