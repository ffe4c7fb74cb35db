"""What a page of a list shows: chosen by the toolbar, read in at most two statements, frozen until it is refreshed."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Row
from sqlalchemy.orm import Session

from lib import lists
from lib.auth import Actor
from lib.filters import LeadFilter
from lib.ui.desk import Desk
from lib.ui.grid import Listing

PAGE_SIZE = 50
LATE_EDITS = 3
# The lists that a session can have open, one for each page that shows one; the page's fragment has the same name.
QUEUE, ALL = "queue", "all"


@dataclass(frozen=True)
class Wanted:
    """What a page's toolbar asks for.

    ``asked`` are the words of it, which stay the same while nothing else is asked for; ``filter_at`` says what they mean
    at one moment. ``order`` is a key of ``orders.ORDERS``, and ``page`` counts from 1.
    """

    asked: Hashable
    order: str
    page: int
    filter_at: Callable[[Actor, datetime], LeadFilter] = field(compare=False, repr=False)


@dataclass(frozen=True)
class Shown:
    """The listing with its rows' present values. ``moved`` is how many leads a refresh would bring or take away."""

    listing: Listing
    rows: Sequence[Row]
    moved: int


def read(session: Session, desk: Desk, actor: Actor, wanted: Wanted, now: datetime, key: str = QUEUE) -> Shown:
    """The page that is wanted. Its rows keep their order until something else is wanted or it is refreshed."""
    current: Listing | None = desk.lists.get(key)
    params = (actor.user_id, wanted)
    if current is not None and current.params == params:
        rows = lists.rows(session, actor, current.ids)
        page = _page(session, desk, actor, wanted, now, key)
        return Shown(current, rows, _moved(current.ids, [row.id for row in page.rows]))
    page = _page(session, desk, actor, wanted, now, key)
    current = Listing(params, [row.id for row in page.rows], page.count, page.count_limit)
    desk.lists[key] = current
    _forget_older(desk, current, key)
    return Shown(current, page.rows, 0)


def go_back(desk: Desk, listing: Listing, key: str) -> None:
    """Let the list stay open that was open before the last one was read."""
    desk.lists[f"{key} opened"].pop()
    desk.lists[key] = listing


def refresh(desk: Desk, key: str = QUEUE) -> None:
    desk.lists.pop(key, None)


def _page(session: Session, desk: Desk, actor: Actor, wanted: Wanted, now: datetime, key: str) -> lists.Page:
    # A page that was reached by turning pages goes on behind the one before; a bookmark has to count its way there.
    known = desk.lists.setdefault(f"{key} cursors", {})
    place = (actor.user_id, wanted.asked, wanted.order)
    asked = wanted.filter_at(actor, now)
    # The few that a search finds are put in order anyway, and walking on to the next of them would take long.
    cursor = None if asked.is_open_ended else known.get((place, wanted.page))
    page = lists.page(session, actor, asked, order=wanted.order, limit=PAGE_SIZE,
                      cursor=cursor, offset=0 if cursor else (wanted.page - 1) * PAGE_SIZE)
    if page.next_cursor and not asked.is_open_ended:
        known[place, wanted.page + 1] = page.next_cursor
    return page


def _forget_older(desk: Desk, current: Listing, key: str) -> None:
    """Let lists go that were left a while ago; an edit in the one before may still be on its way."""
    opened = desk.lists.setdefault(f"{key} opened", [])
    opened.append(current)
    while len(opened) > LATE_EDITS:
        opened.pop(0).forget()


def _moved(ids: Sequence, there: Sequence) -> int:
    gone, arrived = set(ids) - set(there), set(there) - set(ids)
    if gone or arrived:
        return max(len(gone), len(arrived))
    return sum(before != after for before, after in zip(ids, there, strict=False))
