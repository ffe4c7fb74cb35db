"""Which leads: the conditions behind every list, search and choice of leads."""

import uuid
from dataclasses import dataclass, fields, replace
from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, Text, and_, bindparam, cast, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, array

from lib.auth import Actor
from lib.errors import Invalid
from lib.fields import LABELS, clean
from lib.lost import IS_LOST, Because
from lib.models import Lead, LeadCompany

# The rule of the specification for Follow-ups Due, apart from the days. Written out, not bound: the planner has to
# see the very words of leads_follow_up_idx to use it.
AWAITS_ANSWER = literal_column("leads.status IN ('contacted', 'conversing')")

# The words of leads_full_search_idx and lead_companies_search_idx.
SEARCHED = literal_column(
    "(lower(coalesce(leads.first_name, '') || ' ' || coalesce(leads.last_name, '') || ' ' || "
    "coalesce(leads.email, '') || ' ' || coalesce(leads.phone, '') || ' ' || coalesce(leads.linkedin_url, '')))")

# What a lead can be asked to have, or to lack.
KNOWABLE = ("email", "phone", "linkedin_url", "job_title", "company", "notes", "enrichment_data")


@dataclass(frozen=True, kw_only=True)
class LeadFilter:
    """Which leads of the actor's company. Everything given has to hold; an empty tuple restricts nothing.

    Times are UTC; “after” includes the moment, “before” does not. Counts and scores include both ends.
    """

    assigned_to: uuid.UUID | None = None
    owners: tuple[uuid.UUID | None, ...] = ()
    """Any of these; None stands for nobody."""
    unassigned: bool = False
    statuses: tuple[str, ...] = ()
    also_statuses: tuple[str, ...] = ()
    """Has to hold besides ``statuses``: what a person chose on top of a view's own rule."""
    lost_reasons: tuple[str | None, ...] = ()
    """Lost for any of these; None stands for no reason given."""
    awaits_answer: bool = False
    last_contacted_before: datetime | None = None
    """Excludes leads that were never contacted, as ``last_contacted_at < …`` does in SQL."""
    last_contacted_after: datetime | None = None
    never_contacted: bool = False
    contact_count_min: int | None = None
    contact_count_max: int | None = None
    last_contact_methods: tuple[str, ...] = ()
    score_min: int | None = None
    score_max: int | None = None
    tags_any: tuple[str, ...] = ()
    tags_all: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    source_workflows: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    has: tuple[str, ...] = ()
    """Columns of KNOWABLE that hold something."""
    lacks: tuple[str, ...] = ()
    job_title: str = ""
    """Any part of the job title."""
    company: str = ""
    """Any part of the firm's name."""
    search: str = ""
    """Any part of a name, an e-mail address, a phone number, a LinkedIn address or the firm's name; every word has to
    be found, letter case aside."""

    @property
    def is_open_ended(self) -> bool:
        """Whether nobody can know beforehand how many match, few or nearly all: then a list counts less far."""
        return bool(self.search or self.job_title or self.company or self.tags_any or self.tags_all)


# The clock is no part of a statement, or a list such as Follow-ups Due would need a new one every time.
MOMENTS = tuple(each.name for each in fields(LeadFilter) if each.name.endswith(("_before", "_after")))


def timeless(wanted: LeadFilter) -> tuple[LeadFilter, dict[str, datetime]]:
    """The filter with its times left open, for a statement that is kept, and the times by parameter."""
    moments = {name: moment for name in MOMENTS if (moment := getattr(wanted, name)) is not None}
    return replace(wanted, **dict.fromkeys(moments, datetime.max)), moments


def matching(actor: Actor, wanted: LeadFilter) -> ColumnElement[bool]:
    """The condition for the leads that the actor may see and that ``wanted`` describes.

    Raises Invalid for a status or a reason that does not exist, and for a column that is not in KNOWABLE.
    """
    conditions: list[ColumnElement[bool]] = [Lead.company_id == actor.company_id]
    if wanted.assigned_to is not None:
        conditions.append(Lead.assigned_to_user_id == wanted.assigned_to)
    if wanted.owners:
        conditions.append(_owned_by(wanted.owners))
    if wanted.unassigned:
        conditions.append(Lead.assigned_to_user_id.is_(None))
    if wanted.awaits_answer:
        conditions.append(AWAITS_ANSWER)
    for statuses in (wanted.statuses, wanted.also_statuses):
        if statuses:
            conditions.append(Lead.status.in_(planned_for([clean("status", status) for status in statuses])))
    if wanted.lost_reasons:
        conditions.append(_lost_for(wanted.lost_reasons))
    conditions.extend(_in_time(wanted))
    if wanted.never_contacted:
        conditions.append(Lead.last_contacted_at.is_(None))
    conditions.extend(_in_range(wanted))
    for column, values in ((Lead.last_contact_method, wanted.last_contact_methods), (Lead.source, wanted.sources),
                           (Lead.source_workflow, wanted.source_workflows)):
        if values:
            conditions.append(column.in_(planned_for([storable(value) for value in values])))
    if wanted.tags_any:
        conditions.append(Lead.tags.overlap(_array(wanted.tags_any)))
    if wanted.tags_all:
        conditions.append(Lead.tags.contains(_array(wanted.tags_all)))
    conditions.extend(_is_known(name) for name in wanted.has)
    conditions.extend(~_is_known(name) for name in wanted.lacks)
    for word in _words(wanted.job_title):
        conditions.append(func.lower(func.coalesce(Lead.job_title, "")).like(_pattern(word)))
    for word in _words(wanted.company):
        conditions.append(_firm_contains(actor, word))
    for word in _words(wanted.search):
        conditions.append(or_(SEARCHED.like(_pattern(word)), _firm_contains(actor, word)))
    return and_(*conditions)


def _owned_by(owners: tuple[uuid.UUID | None, ...]) -> ColumnElement[bool]:
    people = [owner for owner in owners if owner is not None]
    parts = [Lead.assigned_to_user_id.in_(people)] if people else []
    if None in owners:
        parts.append(Lead.assigned_to_user_id.is_(None))
    return or_(*parts)


def _lost_for(reasons: tuple[str | None, ...]) -> ColumnElement[bool]:
    named = [Because(reason).cleaned().reason for reason in reasons if reason is not None]
    parts = [Lead.lost_reason.in_(planned_for(named))] if named else []
    if None in reasons:
        parts.append(Lead.lost_reason.is_(None))
    return and_(IS_LOST, or_(*parts))


def _in_time(wanted: LeadFilter) -> list[ColumnElement[bool]]:
    columns = {"last_contacted": Lead.last_contacted_at, "created": Lead.created_at}
    conditions = []
    for name in MOMENTS:
        moment = getattr(wanted, name)
        if moment is not None:
            what, _, side = name.rpartition("_")
            at = bindparam(name, moment)
            conditions.append(columns[what] < at if side == "before" else columns[what] >= at)
    return conditions


def _in_range(wanted: LeadFilter) -> list[ColumnElement[bool]]:
    conditions = []
    for column, least, most in ((Lead.contact_count, wanted.contact_count_min, wanted.contact_count_max),
                                (Lead.score, wanted.score_min, wanted.score_max)):
        if least is not None:
            conditions.append(column >= least)
        if most is not None:
            conditions.append(column <= most)
    return conditions


def _is_known(name: str) -> ColumnElement[bool]:
    match name:
        case "company":
            return Lead.lead_company_id.is_not(None)
        case "enrichment_data":
            nothing = literal_column("'{}'::jsonb")
            return func.coalesce(Lead.enrichment_data, nothing) != nothing
        case _ if name in KNOWABLE:
            return func.coalesce(getattr(Lead, name), "") != ""
    raise Invalid.field(name, f"“{LABELS.get(name, name)}” cannot be asked for; choose one of {', '.join(KNOWABLE)}.")


def _array(values: tuple[str, ...]) -> ColumnElement:
    return cast(array([planned_for(storable(value)) for value in values]), ARRAY(Text))


def _words(text: str) -> list[str]:
    return storable(text).split()[:8]


def _pattern(word: str) -> ColumnElement[str]:
    escaped = word[:100].replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    # The database puts both sides in lower case: Python's rules are others, such as for İ or a Greek Σ.
    return func.lower(planned_for(f"%{escaped}%"))


def _firm_contains(actor: Actor, word: str) -> ColumnElement[bool]:
    firms = (select(LeadCompany.id)
             .where(LeadCompany.company_id == actor.company_id, func.lower(LeadCompany.name).like(_pattern(word))))
    # As an array the firms are looked up once, before the leads, and both halves of an OR can use an index.
    return Lead.lead_company_id == func.any(func.array(firms.scalar_subquery()))


def planned_for(value: str | int | list[str]) -> BindParameter:
    """A value that the planner has to know: written into the statement, quoted, and never left to a later execution.

    A statement that comes often is prepared, and in time gets one plan for all values. That would take the same way to
    a rare word as to “an”, and to fifty rows as to a tenth of the table.
    """
    return bindparam(None, value, expanding=isinstance(value, list), literal_execute=True)


def storable(text: str) -> str:
    """The text without what PostgreSQL cannot hold, and so no lead can: NUL and half a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()
