"""Random histories for the statistics: drawn by Hypothesis, loaded as rows, and kept to be counted slowly.

Few moments, so that contacts of a lead often fall on the same one and on the edges of a period.
"""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import insert
from sqlalchemy.orm import Session

from lib.models import ContactAttempt, Method, Status
from lib.scope import Scope
from tests.factories import Cast, make_lead

REPS = ("alice", "bob", "tess")
SOURCES = ("linkedin", "fair", None)
DAYS = (0, 1, 2, 3, 5, 8)
_days = st.sampled_from(DAYS)

CONTACTS = st.lists(max_size=8, elements=st.fixed_dictionaries({
    "days": _days, "method": st.sampled_from(Method), "direction": st.sampled_from(["outbound", "outbound", "inbound"]),
    "user": st.sampled_from(REPS), "successful": st.sampled_from([False, False, True])}))
HISTORIES = st.lists(max_size=4, elements=st.fixed_dictionaries({
    "contacts": CONTACTS, "source": st.sampled_from(SOURCES), "owner": st.sampled_from((*REPS, None)),
    "status": st.sampled_from([Status.CONVERTED, Status.CONVERTED, Status.CONTACTED, Status.LOST]),
    "converted_days": st.one_of(st.none(), _days)}))


@dataclass(frozen=True)
class SlowContact:
    id: uuid.UUID
    at: datetime
    method: str
    direction: str
    user: uuid.UUID
    successful: bool


@dataclass(frozen=True)
class SlowLead:
    id: uuid.UUID
    status: str
    source: str | None
    owner: uuid.UUID | None
    converted_at: datetime | None
    contacts: list[SlowContact] = field(default_factory=list)


@dataclass(frozen=True)
class SlowTeam:
    """Alice's company; what is loaded for another one beside it is not in here."""

    cast: Cast
    now: datetime
    leads: list[SlowLead]

    def scope(self, data: Any) -> Scope:
        """A scope of any kind, drawn from ``st.data()``."""
        begin, end = (data.draw(st.one_of(st.none(), _days)) for _ in range(2))
        if begin is not None and end is not None and end > begin:
            begin, end = end, begin
        rep = data.draw(st.sampled_from((None, None, *REPS)))
        return Scope(since=None if begin is None else self.now - timedelta(days=begin),
                     until=None if end is None else self.now - timedelta(days=end),
                     rep=rep and getattr(self.cast, rep).user_id,
                     source=data.draw(st.sampled_from((None, None, "linkedin", "fair"))))

    @staticmethod
    def is_of(scope: Scope, lead: SlowLead, *, at: datetime | None, user: uuid.UUID | None) -> bool:
        """Whether a time and a user, of something that concerns this lead, are within the scope."""
        return ((scope.since is None or (at is not None and at >= scope.since))
                and (scope.until is None or (at is not None and at < scope.until))
                and scope.rep in (None, user) and scope.source in (None, lead.source))


def slow_order(contacts: list[SlowContact]) -> list[SlowContact]:
    """By time; at the same moment ours before theirs."""
    return sorted(contacts, key=lambda each: (each.at, each.direction != "outbound", each.id))


def load(session: Session, cast: Cast, now: datetime, histories: list[dict[str, Any]]) -> SlowTeam:
    """Write the histories for Alice's company, and once more for Olga's, who is not to be counted."""
    loaded = [_load_lead(session, cast, now, history) for history in histories]
    for history in histories:
        _load_lead(session, cast, now, history, elsewhere=True)
    return SlowTeam(cast, now, loaded)


def _load_lead(session: Session, cast: Cast, now: datetime, history: dict[str, Any], *,
               elsewhere: bool = False) -> SlowLead:
    def person(name):
        return (cast.olga if elsewhere else getattr(cast, name)).user_id if name else None

    converted_at = (now - timedelta(days=history["converted_days"])
                    if history["status"] == Status.CONVERTED and history["converted_days"] is not None else None)
    lead_id = make_lead(session, cast.olga if elsewhere else cast.alice, status=history["status"].value,
                        source=history["source"], converted_at=converted_at,
                        assigned_to_user_id=person(history["owner"]))
    lead = SlowLead(lead_id, history["status"].value, history["source"], person(history["owner"]), converted_at)
    for each in history["contacts"]:
        lead.contacts.append(SlowContact(uuid.uuid4(), now - timedelta(days=each["days"]), each["method"].value,
                                         each["direction"], person(each["user"]), each["successful"]))
    if lead.contacts:
        company = (cast.olga if elsewhere else cast.alice).company_id
        session.execute(insert(ContactAttempt.__table__), [
            {"id": each.id, "company_id": company, "lead_id": lead_id, "user_id": each.user, "batch_id": uuid.uuid4(),
             "method": each.method, "direction": each.direction, "successful": each.successful, "occurred_at": each.at}
            for each in lead.contacts])
    return lead
