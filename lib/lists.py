"""Lists of leads: the four numbers, pages of what a filter describes, and all that match it.

Every function sees the actor's company and nothing else, and asks the database once; a search of many leads, or of
several words, once more.
"""

import functools
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (ARRAY, UUID, BigInteger, ColumnElement, CompoundSelect, Date, Join, Label, Row, ScalarSelect,
                        Select, Subquery, Table, bindparam, cast, func, literal, select, text, union_all)
from sqlalchemy.orm import Session

from lib import filters, orders, views
from lib.auth import Actor
from lib.counts import BY_STATUS, FOLLOW_UPS, OWN_FOLLOW_UPS
from lib.errors import Invalid
from lib.filters import LeadFilter, planned_for
from lib.models import Lead, LeadCompany, Status, User
from lib.statements import Read

COUNT_LIMIT, SEARCH_COUNT_LIMIT = 10_000, 1_000
BULK_LIMIT = 100_000
PAGE_LIMIT = 500
# A word that more firms have than this is not what a search for several words starts from, if it can be helped.
FREQUENT = 100
# So many leads with a word are looked up and put in order. With more of them, fifty are soon met along the order: in a
# company of 600,000 leads after 3,000 at most. A word too short for the index of trigrams is not looked up so far.
LOOKED_UP, TRIGRAM = 10_000, 3

# Reads select from the tables, not from the classes, and those whose shape never changes are put together only once:
# otherwise that takes longer than the database needs for them.
_LEADS, _FIRMS, _USERS = Lead.__table__, LeadCompany.__table__, User.__table__
_OF_COMPANY = _LEADS.c.company_id == bindparam("company")

_LISTED = (*(_LEADS.c[name] for name in (
    "id", "first_name", "last_name", "email", "job_title", "status", "assigned_to_user_id", "last_contacted_at",
    "last_contact_method", "contact_count", "score", "tags", "lead_company_id")), _FIRMS.c.name.label("company"))
_WHOLE = (*_LEADS.c, _FIRMS.c.name.label("company"), _USERS.c.name.label("owner"))
_WITH_FIRM = _LEADS.outerjoin(_FIRMS, _FIRMS.c.id == _LEADS.c.lead_company_id)
_ROWS = Read(select(*_LISTED).select_from(_WITH_FIRM).where(
    _OF_COMPANY, _LEADS.c.id == func.any(bindparam("ids", type_=ARRAY(UUID)))))

_MINE = _LEADS.c.assigned_to_user_id == bindparam("user")


def _sum(table: Table, *conditions: ColumnElement[bool]) -> ColumnElement[int]:
    """The whole count of what ``conditions`` say, NULL where there is nothing."""
    total = func.sum(table.c.n)
    return cast(total.filter(*conditions) if conditions else total, BigInteger)


# From what is kept as leads change; only the day on which the days run out is looked at itself, contact by contact.
_BY_STATUS = select(
    _sum(BY_STATUS).label("mine"), _sum(BY_STATUS, BY_STATUS.c.status == Status.ENRICHED).label("ready"),
    _sum(BY_STATUS, BY_STATUS.c.status == Status.CONVERSING).label("conversing"),
).where(BY_STATUS.c.company_id == bindparam("company"), BY_STATUS.c.owner_id == bindparam("user")).subquery()
_DUE_DAYS = select(_sum(FOLLOW_UPS).label("n")).where(
    FOLLOW_UPS.c.company_id == bindparam("company"), FOLLOW_UPS.c.day < bindparam("last_day", type_=Date)).subquery()
_MY_DUE_DAYS = select(_sum(OWN_FOLLOW_UPS).label("n")).where(
    OWN_FOLLOW_UPS.c.company_id == bindparam("company"), OWN_FOLLOW_UPS.c.owner_id == bindparam("user"),
    OWN_FOLLOW_UPS.c.day < bindparam("last_day", type_=Date)).subquery()
_LAST_DAY = (
    select(func.count().label("due"), func.count().filter(_MINE).label("my_due"))
    .where(_OF_COMPANY, filters.AWAITS_ANSWER, _LEADS.c.last_contacted_at >= bindparam("last_day_begins"),
           _LEADS.c.last_contacted_at < bindparam("due_before"))
    .subquery()
)
_NUMBERS = Read(select(
    *(func.coalesce(column, 0) for column in _BY_STATUS.c), func.coalesce(_DUE_DAYS.c.n, 0) + _LAST_DAY.c.due,
    func.coalesce(_MY_DUE_DAYS.c.n, 0) + _LAST_DAY.c.my_due,
).join_from(_BY_STATUS, _DUE_DAYS, literal(True)).join(_MY_DUE_DAYS, literal(True)).join(_LAST_DAY, literal(True)))


def _values_of(column: str) -> str:
    """Each value once by one look into the index for each, instead of a look at every lead."""
    def first(condition: str) -> str:
        return (f"(SELECT leads.{column} FROM leads WHERE leads.company_id = :company AND {condition} "
                f"ORDER BY leads.{column} LIMIT 1)")
    return (f"WITH RECURSIVE known(value) AS ({first(f'leads.{column} IS NOT NULL')} UNION ALL "
            f"SELECT {first(f'leads.{column} > known.value')} FROM known WHERE known.value IS NOT NULL) "
            f"SELECT '{column}' AS column, value FROM known WHERE value IS NOT NULL LIMIT 500")


VOCABULARY_FROM = 2_000
_VOCABULARY = text(f"""
    ({_values_of("source")}) UNION ALL ({_values_of("source_workflow")}) UNION ALL
    (SELECT DISTINCT 'tags', unnest(latest.tags)
     FROM (SELECT leads.tags FROM leads WHERE leads.company_id = :company
           ORDER BY leads.created_at DESC NULLS LAST, leads.id DESC LIMIT :latest) AS latest LIMIT 500)""")


@dataclass(frozen=True, slots=True)
class Numbers:
    """The four numbers of the specification's dashboard, and how many of the due ones are the actor's own."""

    mine: int
    ready: int
    conversing: int
    due: int
    my_due: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. ``count`` stops at ``count_limit`` + 1, which reads as “more than that”."""

    rows: Sequence[Row]
    next_cursor: str | None
    count: int
    count_limit: int = COUNT_LIMIT


def numbers(session: Session, actor: Actor, *, now: datetime) -> Numbers:
    """The four numbers in one round trip, each by the rule of the view of the same name. ``now`` is in UTC."""
    row = _NUMBERS.rows(session, {
        "company": actor.company_id, "user": actor.user_id, **views.due_by_days(actor, now)}).one()
    return Numbers(*row)


def page(session: Session, actor: Actor, wanted: LeadFilter, *, order: str = "waiting", limit: int = 50,
         cursor: str | None = None, offset: int = 0, count: bool = True, whole: bool = False) -> Page:
    """One page of the leads that ``wanted`` describes, in one round trip, with a count that stops at a bound.

    The bound is COUNT_LIMIT, and SEARCH_COUNT_LIMIT where words are searched for, which takes a second round trip when
    more leads have them than are looked up, and one more for several words.

    ``cursor`` goes on behind an earlier page at the cost of a first page. ``offset`` (rows) is for a jump into the
    middle, such as a bookmarked page; it walks the index, not the rows. ``limit`` is 1 to PAGE_LIMIT rows. Rows are
    ``whole``, every column and the owner's name, or what a list shows. Raises Invalid for an unknown order or a cursor
    that was not made for it.
    """
    if not 1 <= limit <= PAGE_LIMIT or offset < 0:
        raise Invalid.field("limit", f"A page holds 1 to {PAGE_LIMIT} leads.")
    orders.known_order(order)
    behind = None if cursor is None else orders.decode_cursor(order, cursor)
    asked, values = filters.kept_apart(wanted)
    values["company"] = actor.company_id
    last = _last_words(session, values)
    limit_of_count = SEARCH_COUNT_LIMIT if asked.is_open_ended else COUNT_LIMIT
    counts_to = limit_of_count if count else 0
    if behind is not None:
        values["behind"], values["behind_id"] = behind
        rows = _behind(asked, last, order, limit, behind[0] is None, counts_to, whole).rows(session, values).all()
    elif asked.is_open_ended:
        most, on_the_way = _looked_up_to(wanted, last)
        rows = _few(asked, last, order, limit, offset, most, whole).rows(session, values).all()
        found = rows[0].total
        rows = [row for row in rows if row.id is not None]
        if found > most:
            rows = _page(asked, on_the_way, order, limit, offset, 0, whole).rows(session, values).all()
        total = min(found, limit_of_count + 1)
    else:
        rows = _page(asked, last, order, limit, offset, counts_to, whole).rows(session, values).all()

    if not count:
        total = 0
    elif behind is not None or not asked.is_open_ended:
        # Nothing on this page says nothing about the pages before it.
        total = rows[0].total if rows else _total(asked, last, limit_of_count).rows(session, values).scalar() \
            if offset or cursor else 0
    has_more, rows = len(rows) > limit, rows[:limit]
    next_cursor = orders.encode_cursor(order, rows[-1].sorted_by, rows[-1].id) if has_more else None
    return Page(rows, next_cursor, total, limit_of_count)


def matching(session: Session, actor: Actor, wanted: LeadFilter, *, order: str | None = None,
             limit: int = BULK_LIMIT) -> list[uuid.UUID]:
    """The ids of all leads that ``wanted`` describes, for an action on all of them; in no order unless one is named.

    At most ``limit`` + 1 of them, which reads as “too many for one action”.
    """
    asked, values = filters.kept_apart(wanted)
    values["company"] = actor.company_id
    last = _last_words(session, values)
    return list(_matching(asked, last, order, limit).rows(session, values).scalars())


def vocabulary(session: Session, actor: Actor) -> dict[str, list[str]]:
    """What ``source``, ``source_workflow`` and ``tags`` hold in this company, in order: choices for a filter.

    Tags are those of the leads that came last, as looking through all leads would take too long; a filter takes any
    other tag too.
    """
    found: dict[str, list[str]] = {"source": [], "source_workflow": [], "tags": []}
    for row in session.execute(_VOCABULARY, {"company": actor.company_id, "latest": VOCABULARY_FROM}):
        found[row.column].append(row.value)
    return {column: sorted(values, key=str.lower) for column, values in found.items()}


def rows(session: Session, actor: Actor, lead_ids: Sequence[uuid.UUID]) -> list[Row]:
    """These leads as a list shows them, in the order of the ids; those that the actor may not see are left out."""
    if not lead_ids:
        return []
    found = _ROWS.rows(session, {"company": actor.company_id, "ids": list(lead_ids)}).all()
    by_id = {row.id: row for row in found}
    return [by_id[lead_id] for lead_id in lead_ids if lead_id in by_id]


# ---------------------------------------------------------------- statements
# The same lists are drawn again and again, for one person or another, and putting a statement together takes a while.


@functools.lru_cache(maxsize=256)
def _page(asked: LeadFilter, last: tuple[int, ...], order: str, limit: int, offset: int, count_limit: int,
          whole: bool) -> Read:
    """The statement of a page by its place."""
    by, condition = orders.known_order(order), filters.left_open(asked, last=last)
    chosen = _walked(by, condition, limit + 1, offset).subquery("chosen")
    return _shown(asked, by, condition, chosen, count_limit, whole)


@functools.lru_cache(maxsize=256)
def _behind(asked: LeadFilter, last: tuple[int, ...], order: str, limit: int, is_behind_null: bool, count_limit: int,
            whole: bool) -> Read:
    """The statement of the page behind a cursor: its segments one after the other, each an index range, until the page
    is full."""
    by, condition = orders.known_order(order), filters.left_open(asked, last=last)
    value = None if is_behind_null else bindparam("behind", type_=by.column.type)
    segments = [
        orders.ordered(select(Lead.id, by.column.label("sorted_by"), literal(number).label("segment")), by)
        .where(condition, segment).limit(planned_for(limit + 1)).subquery()
        for number, segment in enumerate(by.after(value, bindparam("behind_id", type_=UUID)))
    ]
    parts = [select(segment.c.id, segment.c.sorted_by) for segment in segments]
    together = parts[0] if len(parts) == 1 else parts[0].union_all(*parts[1:])
    return _shown(asked, by, condition, together.limit(planned_for(limit + 1)).subquery("chosen"), count_limit, whole)


@functools.lru_cache(maxsize=256)
def _few(asked: LeadFilter, last: tuple[int, ...], order: str, limit: int, offset: int, most: int,
         whole: bool) -> Read:
    """The statement of a page where the planner cannot know how many leads match, unless more than ``most`` do:
    then there is one row without a lead, whose total says so.

    A word or a tag that next to nobody has is best looked up and then put in order; one that many have, found by
    walking along the order. The planner guesses, and a wrong guess walks along the whole table. So the first ones
    are looked up, and the walk is only taken where that was not all.
    """
    by = orders.known_order(order)
    few = _in_turn([orders.joined(select(Lead.id, by.column.label("sorted_by")), by).where(part)
                    for part in filters.looked_up(asked, last=last)], most + 1).cte("few")
    found = select(func.count().label("total")).select_from(few).cte("found")
    chosen = (select(few.c.id, few.c.sorted_by).where(select(found.c.total).scalar_subquery() <= most)
              .order_by(*_same_order(by, few))
              .limit(planned_for(limit + 1)).offset(planned_for(offset)).subquery("chosen"))
    columns, source = _shown_of(chosen, whole)
    return Read(
        select(*columns, chosen.c.sorted_by, found.c.total).select_from(found.outerjoin(source, literal(True)))
        .order_by(*_same_order(by, chosen)), prepared=False)


@functools.lru_cache(maxsize=64)
def _matching(asked: LeadFilter, last: tuple[int, ...], order: str | None, limit: int) -> Read:
    if order is None:
        found = _in_turn([select(Lead.id).where(part) for part in filters.looked_up(asked, last=last)], limit + 1)
    else:
        found = orders.ordered(select(Lead.id).where(filters.left_open(asked, last=last)), orders.known_order(order))
        found = found.limit(planned_for(limit + 1))
    return Read(found, prepared=not asked.is_open_ended)


@functools.lru_cache(maxsize=64)
def _total(asked: LeadFilter, last: tuple[int, ...], limit: int) -> Read:
    return Read(select(_count(filters.left_open(asked, last=last), limit)), prepared=not asked.is_open_ended)


@functools.cache
def _firms_with(words: tuple[str, ...], most: int) -> Read:
    """Of how many firms each of these words is part, ``most`` + 1 at most."""
    def counted(word: str) -> ScalarSelect[int]:
        firms = filters.firms_like(bindparam("company", type_=UUID), word).limit(planned_for(most + 1)).subquery()
        return select(func.count()).select_from(firms).scalar_subquery()
    return Read(select(*(counted(word) for word in words)), prepared=False)


def _last_words(session: Session, values: Mapping[str, Any]) -> tuple[int, ...]:
    """The places of the words that are to be looked for in what the others have found, as many firms have them.

    The planner takes each word for one that a few firms have, and may start from that of thousands. Where many firms
    have each of them, the longest is what there is to start from.
    """
    words = tuple(name for name in values if name.startswith(filters.SEARCH_WORD))
    if len(words) < 2:
        return ()
    found = _firms_with(words, FREQUENT).rows(session, values).one()
    frequent = [place for place, firms in enumerate(found) if firms > FREQUENT]
    if len(frequent) == len(words):
        frequent.remove(max(frequent, key=lambda place: len(values[words[place]])))
    return tuple(frequent)


def _looked_up_to(wanted: LeadFilter, last: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """How many leads are looked up before walking along the order, and which words are only looked for on that way."""
    words = filters.words(wanted)
    first = [word for place, word in enumerate(words) if place not in last]
    if len(first) != 1:
        return SEARCH_COUNT_LIMIT, last
    return LOOKED_UP if len(first[0]) >= TRIGRAM else SEARCH_COUNT_LIMIT, tuple(range(len(words)))


def _in_turn(parts: Sequence[Select], limit: int) -> Select | CompoundSelect:
    """So many rows of these parts at most, one after the other: a part that is no longer needed is not begun."""
    if len(parts) == 1:
        return parts[0].limit(planned_for(limit))
    together = union_all(*(select(part.limit(planned_for(limit)).subquery()) for part in parts))
    return together.limit(planned_for(limit))


def _shown(asked: LeadFilter, by: orders.Order, condition: ColumnElement[bool], chosen: Subquery, count_limit: int,
           whole: bool) -> Read:
    """The page's ids first, from the index; names of firms only for the rows that are shown."""
    columns, source = _shown_of(chosen, whole)
    query = select(*columns, chosen.c.sorted_by).select_from(source).order_by(*_same_order(by, chosen))
    if count_limit:
        query = query.add_columns(_count(condition, count_limit))
    return Read(query, prepared=not asked.is_open_ended)


def _shown_of(chosen: Subquery, whole: bool) -> tuple[Sequence[ColumnElement[Any]], Join]:
    source = chosen.join(_LEADS, _LEADS.c.id == chosen.c.id).outerjoin(_FIRMS, _FIRMS.c.id == _LEADS.c.lead_company_id)
    if not whole:
        return _LISTED, source
    return _WHOLE, source.outerjoin(_USERS, _USERS.c.id == _LEADS.c.assigned_to_user_id)


def _walked(by: orders.Order, condition: ColumnElement[bool], limit: int, offset: int) -> Select:
    found = orders.ordered(select(Lead.id, by.column.label("sorted_by")), by).where(condition)
    return found.limit(planned_for(limit)).offset(planned_for(offset))


def _count(condition: ColumnElement[bool], limit: int) -> Label[int]:
    counted = select(literal(1)).select_from(Lead).where(condition).limit(planned_for(limit + 1)).subquery()
    return select(func.count()).select_from(counted).scalar_subquery().label("total")


def _same_order(by: orders.Order, chosen: Any) -> tuple[Any, Any]:
    column = chosen.c.sorted_by.desc() if by.descending else chosen.c.sorted_by.asc()
    return (column.nulls_first() if by.nulls_first else column.nulls_last(),
            chosen.c.id.desc() if by.descending else chosen.c.id.asc())
