"""Which leads: the conditions behind every list, search and choice of leads."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (ARRAY, UUID, BindParameter, ColumnElement, Select, Text, and_, bindparam, func, literal_column,
                        not_, or_, select)

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


# What is no part of a statement that is kept: the clock, or a list such as Follow-ups Due would need a new one every
# time; who is asked about; and words, which hardly anybody looks for twice.
MOMENTS = tuple(each.name for each in fields(LeadFilter) if each.name.endswith(("_before", "_after")))
WORDS, TAGS = ("job_title", "company", "search"), ("tags_any", "tags_all")
MOST_WORDS = 8
_WORD = "_word_"
SEARCH_WORD = f"search{_WORD}"
ANYBODY = uuid.UUID(int=0)


def words(wanted: LeadFilter) -> list[str]:
    """The words of a search, which all have to be found."""
    return _words(wanted.search)


def kept_apart(wanted: LeadFilter) -> tuple[LeadFilter, dict[str, Any]]:
    """The filter with whoever, when and what words left open, for a statement that is kept, and these by parameter.

    A filter with words or tags is to be planned for its values (``statements.Read``, not prepared).
    """
    left_open: dict[str, Any] = {}
    values: dict[str, Any] = {}
    if wanted.assigned_to is not None:
        left_open["assigned_to"], values["assigned_to"] = ANYBODY, wanted.assigned_to
    for name in MOMENTS:
        if (moment := getattr(wanted, name)) is not None:
            left_open[name], values[name] = datetime.max, moment
    for name in WORDS:
        words = _words(getattr(wanted, name))
        left_open[name] = " ".join("?" for _ in words)
        values |= dict(zip(_names(name, words), map(_pattern, words), strict=True))
    for name in TAGS:
        if tags := getattr(wanted, name):
            left_open[name], values[name] = ("?",), _storable_all(tags)
    return replace(wanted, **left_open), values


def matching(actor: Actor, wanted: LeadFilter) -> ColumnElement[bool]:
    """The condition for the leads that the actor may see and that ``wanted`` describes.

    Raises Invalid for a status or a reason that does not exist, and for a column that is not in KNOWABLE.
    """
    return _all_of(bindparam("company", actor.company_id, type_=UUID), wanted)


def left_open(wanted: LeadFilter, *, last: Sequence[int] = ()) -> ColumnElement[bool]:
    """The same for a filter as ``kept_apart`` has it, whoever asks: the company's id is the parameter ``company``.

    The words of ``search`` at the places ``last`` are only looked for in what the others have found.
    """
    return _all_of(bindparam("company", type_=UUID), wanted, last)


def looked_up(wanted: LeadFilter, *, last: Sequence[int] = ()) -> list[ColumnElement[bool]]:
    """The same in parts that have no lead in common, to be looked up one after the other.

    Where there is one word to start from, these are the leads that have it themselves, and those whose firm has it.
    With both in one condition the firms are an array that is gone through for each lead, thousands of them for a word
    such as “GmbH”.
    """
    company = bindparam("company", type_=UUID)
    patterns = _patterns("search", wanted.search)
    first = [pattern for place, pattern in enumerate(patterns) if place not in last]
    if len(first) != 1:
        return [_all_of(company, wanted, last)]
    besides = _all_of(company, replace(wanted, search=""))
    others = [_is_found_on_the_way(company, patterns[place]) for place in last]
    own = SEARCHED.like(first[0])
    return [and_(besides, own, *others),
            and_(besides, Lead.lead_company_id.in_(_firms_like(company, first[0])), not_(own), *others)]


def _all_of(company: ColumnElement[uuid.UUID], wanted: LeadFilter, last: Sequence[int] = ()) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [Lead.company_id == company]
    if wanted.assigned_to is not None:
        conditions.append(Lead.assigned_to_user_id == bindparam("assigned_to", wanted.assigned_to, type_=UUID))
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
        conditions.append(Lead.tags.overlap(_tags("tags_any", wanted.tags_any)))
    if wanted.tags_all:
        conditions.append(Lead.tags.contains(_tags("tags_all", wanted.tags_all)))
    conditions.extend(_is_known(name) for name in wanted.has)
    conditions.extend(~_is_known(name) for name in wanted.lacks)
    for pattern in _patterns("job_title", wanted.job_title):
        conditions.append(func.lower(func.coalesce(Lead.job_title, "")).like(pattern))
    for pattern in _patterns("company", wanted.company):
        conditions.append(_firm_is_like(company, pattern))
    for place, pattern in enumerate(_patterns("search", wanted.search)):
        conditions.append(_is_found_on_the_way(company, pattern) if place in last else
                          or_(SEARCHED.like(pattern), _firm_is_like(company, pattern)))
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


def firms_like(company: ColumnElement[uuid.UUID], word: str) -> Select:
    """The ids of the company's firms of whose name the word of a search is part, by its parameter of ``kept_apart``."""
    return _firms_like(company, func.lower(bindparam(word, type_=Text)))


def _tags(name: str, tags: tuple[str, ...]) -> ColumnElement:
    return bindparam(name, _storable_all(tags), type_=ARRAY(Text))


def _storable_all(values: Iterable[str]) -> list[str]:
    return [storable(value) for value in values]


def _words(text: str) -> list[str]:
    return storable(text).split()[:MOST_WORDS]


def _names(field: str, words: Sequence[Any]) -> list[str]:
    return [f"{field}{_WORD}{place}" for place in range(len(words))]


def _patterns(field: str, text: str) -> list[ColumnElement[str]]:
    """Each word of a field's text as a parameter."""
    words = _words(text)
    # The database puts both sides in lower case: Python's rules are others, such as for İ or a Greek Σ.
    return [func.lower(bindparam(name, _pattern(word), type_=Text))
            for name, word in zip(_names(field, words), words, strict=True)]


def _pattern(word: str) -> str:
    escaped = word[:100].replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"


def _firm_is_like(company: ColumnElement[uuid.UUID], pattern: ColumnElement[str]) -> ColumnElement[bool]:
    # As an array the firms are looked up once, before the leads, and both halves of an OR can use an index.
    return Lead.lead_company_id == func.any(func.array(_firms_like(company, pattern).scalar_subquery()))


def _is_found_on_the_way(company: ColumnElement[uuid.UUID], pattern: ColumnElement[str]) -> ColumnElement[bool]:
    # No index serves this OR, so the planner has to start from something else; the firms are hashed once.
    return or_(SEARCHED.like(pattern), Lead.lead_company_id.in_(_firms_like(company, pattern)))


def _firms_like(company: ColumnElement[uuid.UUID], pattern: ColumnElement[str]) -> Select:
    return select(LeadCompany.id).where(LeadCompany.company_id == company, func.lower(LeadCompany.name).like(pattern))


def planned_for(value: str | int | list[str]) -> BindParameter:
    """A value that the planner has to know: written into the statement, quoted, and never left to a later execution.

    A statement that comes often is prepared, and in time gets one plan for all values. That would take the same way to
    a rare word as to “an”, and to fifty rows as to a tenth of the table.
    """
    return bindparam(None, value, expanding=isinstance(value, list), literal_execute=True)


def storable(text: str) -> str:
    """The text without what PostgreSQL cannot hold, and so no lead can: NUL and half a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()
