"""What the statistics are asked about: a period, a colleague, a source of leads."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, select, true

from lib.auth import Actor
from lib.errors import Invalid
from lib.models import Lead

_LEADS = Lead.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whatever is None restricts nothing.

    The period is ``since`` <= time < ``until``, both aware; what the time and the ``rep`` (a user's id) are of is said
    by the function that is asked. ``source`` is that of the lead. Raises Invalid with the field named.
    """

    since: datetime | None = None
    until: datetime | None = None
    rep: uuid.UUID | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        for name in ("since", "until"):
            moment = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                raise Invalid.field(name, "The beginning and the end of a period need a time zone.")
        if self.since and self.until and self.since > self.until:
            raise Invalid.field("until", "The period ends before it begins.")

    def holds(self, at: Any) -> ColumnElement[bool]:
        """Whether a time lies in the period; a time that is not known lies in no period but the unlimited one."""
        limits = [at >= self.since] if self.since else []
        limits += [at < self.until] if self.until else []
        return and_(true(), *limits)

    def is_of(self, user_id: Any) -> ColumnElement[bool]:
        return true() if self.rep is None else user_id == self.rep

    def comes_from(self, actor: Actor, lead_id: Any) -> ColumnElement[bool]:
        """Whether a lead, named by its id, has the source."""
        if self.source is None:
            return true()
        return lead_id.in_(select(_LEADS.c.id).where(_LEADS.c.company_id == actor.company_id,
                                                     _LEADS.c.source == self.source))
