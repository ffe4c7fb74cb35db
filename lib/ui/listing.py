"""What a page of a list shows: chosen by the toolbar, read in at most two statements, frozen until it is refreshed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Row
from sqlalchemy.orm import Session

from lib import leads
from lib.auth import Actor
from lib.filters import LeadFilter
from lib.ui.desk import Desk
from lib.ui.grid import Listing
from lib.views import VIEWS

PAGE_SIZE = 50
QUEUE = "queue"
CURSORS = "queue cursors"


@dataclass(frozen=True)
class Wanted:
    """What the toolbar asks for. ``order`` is empty for the view's own; ``page`` counts from 1."""

    view: str
    statuses: tuple[str, ...]
    search: str
    order: str
    page: int


@dataclass(frozen=True)
class Shown:
    """The listing with its rows' present values. ``moved`` is how many leads a refresh would bring or take away."""

    listing: Listing
    rows: Sequence[Row]
    moved: int


def read(session: Session, desk: Desk, actor: Actor, wanted: Wanted, now: datetime) -> Shown:
    """The page that is wanted. Its rows keep their order until something else is wanted or it is refreshed."""
    current: Listing | None = desk.lists.get(QUEUE)
    params = (actor.user_id, wanted)
    if current is not None and current.params == params:
        rows = leads.rows(session, actor, current.ids)
        there = [row.id for row in _page(session, desk, actor, wanted, now).rows]
        return Shown(current, rows, _moved(current.ids, there))
    page = _page(session, desk, actor, wanted, now)
    current = Listing(params, [row.id for row in page.rows], page.count)
    desk.lists[QUEUE] = current
    return Shown(current, page.rows, 0)


def exported(actor: Actor, wanted: Wanted, now: datetime) -> tuple[LeadFilter, str]:
    """The whole list that is wanted, with its order."""
    view = VIEWS[wanted.view]
    return _narrow(view.filter(actor, now), wanted), wanted.order or view.order


def refresh(desk: Desk) -> None:
    desk.lists.pop(QUEUE, None)


def _page(session: Session, desk: Desk, actor: Actor, wanted: Wanted, now: datetime) -> leads.Page:
    view = VIEWS[wanted.view]
    narrowed = _narrow(view.filter(actor, now), wanted)
    order = wanted.order or view.order
    # A page that was reached by turning pages goes on behind the one before; a bookmark has to count its way there.
    known = desk.lists.setdefault(CURSORS, {})
    place = (actor.user_id, wanted.view, wanted.statuses, wanted.search, order)
    cursor = known.get((place, wanted.page))
    page = leads.page(session, actor, narrowed, order=order, limit=PAGE_SIZE, cursor=cursor,
                      offset=0 if cursor else (wanted.page - 1) * PAGE_SIZE)
    if page.next_cursor:
        known[place, wanted.page + 1] = page.next_cursor
    return page


def _narrow(found: LeadFilter, wanted: Wanted) -> LeadFilter:
    """The view's leads that also have one of these statuses and contain the words searched for."""
    return replace(found, also_statuses=wanted.statuses, search=wanted.search)


def _moved(ids: Sequence, there: Sequence) -> int:
    gone, arrived = set(ids) - set(there), set(there) - set(ids)
    if gone or arrived:
        return max(len(gone), len(arrived))
    return sum(before != after for before, after in zip(ids, there, strict=False))
