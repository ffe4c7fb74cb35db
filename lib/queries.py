"""What a person asks of the list of all leads, kept as they said it: “me” and “30 days ago” stay relative.

So the same words in a bookmark, or in a link sent to a colleague, mean their own leads, counted from the day they open
it. ``LeadFilter`` is what the words mean at one moment for one person.
"""

import uuid
from dataclasses import dataclass, fields
from datetime import datetime, timedelta, tzinfo

from lib.auth import Actor
from lib.errors import Invalid
from lib.filters import LeadFilter
from lib.moments import start_of_day

ME, NOBODY = "me", "nobody"
NO_REASON = "none"


@dataclass(frozen=True, kw_only=True)
class Query:
    """The words of each filter; empty ones restrict nothing. ``owner`` holds ME, NOBODY and user ids as text, ``lost``
    reasons and NO_REASON.
    """

    search: str = ""
    owner: tuple[str, ...] = ()
    stage: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    all_tags: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    workflow: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    contacted_before: str = ""
    contacted_after: str = ""
    never_contacted: bool = False
    contacts_min: int | None = None
    contacts_max: int | None = None
    score_min: int | None = None
    score_max: int | None = None
    created_after: str = ""
    created_before: str = ""
    title: str = ""
    firm: str = ""
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    def narrows(self) -> list[str]:
        """The filters that are on, in the order of the fields."""
        return [each.name for each in fields(self) if getattr(self, each.name) != each.default]

    def filter_at(self, actor: Actor, now: datetime, zone: tzinfo) -> LeadFilter:
        """What the query means for this person at this moment; “after” a day is from its end on, in their zone.

        Raises Invalid, naming the filter, for a day or a person that cannot be understood.
        """
        return LeadFilter(
            search=self.search, owners=tuple(_owner(each, actor) for each in self.owner), statuses=self.stage,
            lost_reasons=tuple(None if each == NO_REASON else each for each in self.lost),
            tags_any=self.tags, tags_all=self.all_tags, sources=self.source, source_workflows=self.workflow,
            last_contact_methods=self.by, never_contacted=self.never_contacted,
            last_contacted_before=self._day("contacted_before", now, zone),
            last_contacted_after=self._day("contacted_after", now, zone, is_over=True),
            created_before=self._day("created_before", now, zone),
            created_after=self._day("created_after", now, zone, is_over=True),
            contact_count_min=self.contacts_min, contact_count_max=self.contacts_max,
            score_min=self.score_min, score_max=self.score_max,
            job_title=self.title, company=self.firm, has=self.has, lacks=self.lacks,
        )

    def _day(self, name: str, now: datetime, zone: tzinfo, *, is_over: bool = False) -> datetime | None:
        said = getattr(self, name)
        if not said:
            return None
        start = start_of_day(said, now, zone, field=name)
        # “In the last 7 days” begins with that very day; a date that is written out is over before “after” it begins.
        if is_over and said[:1].isdigit() and "-" in said:
            return start_of_day((start.astimezone(zone).date() + timedelta(days=1)).isoformat(), now, zone)
        return start


def _owner(said: str, actor: Actor) -> uuid.UUID | None:
    if said == ME:
        return actor.user_id
    if said == NOBODY:
        return None
    try:
        return uuid.UUID(said)
    except ValueError:
        raise Invalid.field("owner", f"“{said[:60]}” is not a colleague.") from None
