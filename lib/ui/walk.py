"""Walking a list lead by lead: which list a lead was opened from, where it stands in it, the next and the one before.

The list is in the lead's URL, as ``from=queue?view=…&page=2``, which a link keeps. Walking goes by the list that this
session has drawn, frozen as it was; at the end of its page it goes on to the neighbouring one.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import streamlit as st

from lib import db
from lib.auth import Actor
from lib.errors import LeadDeskError
from lib.ui import came_from, finder, lead_form, toolbar, words
from lib.ui import desk as desks
from lib.ui import listing as listings
from lib.ui.desk import Desk, Notice
from lib.ui.grid import Listing
from lib.ui.listing import PAGE_SIZE
from lib.users import Member


@dataclass(frozen=True)
class List:
    """A page that shows a list; ``page_number`` is the parameter of its URL for the page of the list."""

    title: str
    page: str
    page_number: str


LISTS = {listings.QUEUE: List("My queue", "../pages/my_queue.py", "page"),
         listings.ALL: List("All leads", "../pages/all_leads.py", "p")}


@dataclass(frozen=True)
class Place:
    """Where a lead stands: the list by its key, its own words in the URL, and the row, counted over all pages from 1.

    There is no listing for a lead that does not stand on the page of the list that is open.
    """

    key: str
    asked: Mapping[str, list[str]]
    listing: Listing | None = None
    row: int = 0

    @property
    def is_last(self) -> bool:
        return self.row >= self.listing.count and self.listing.count <= self.listing.count_limit


def draw(desk: Desk, actor: Actor, team: Sequence[Member], lead_id: uuid.UUID) -> None:
    """The leads where something was left unsaved, the way back to the list, and the steps to its other leads.

    The steps stand at the right, where they stay whatever comes before them.
    """
    place = _place(desk, actor, team, lead_id)
    user_id = actor.user_id
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small",
                      key="walk"):
        for other, name in list(lead_form.left_unsaved(desk, lead_id).items())[:2]:
            st.button(f"Not saved: {words.plain(name)}", key=f"unsaved:{other}", icon=":material/edit:", type="tertiary",
                      help="Open this lead, with what you typed", on_click=show, args=(other,))
        shown = LISTS[place.key]
        st.page_link(shown.page, label=shown.title, icon=":material/arrow_back:", query_params=place.asked)
        if place.listing is not None:
            st.button("Previous", key="previous", icon=":material/chevron_left:", type="tertiary", shortcut="Alt+K",
                      help="The lead before this one in the list", disabled=place.row <= 1, on_click=_go,
                      args=(desk, user_id, place, -1))
            st.caption(_position(place), width="content")
            st.button("Next", key="next", icon=":material/chevron_right:", type="tertiary", shortcut="Alt+J",
                      help="The next lead in the list", disabled=place.is_last, on_click=_go,
                      args=(desk, user_id, place, 1))


def show(lead_id: uuid.UUID) -> None:
    """The callback that opens another lead in place of this one."""
    st.query_params["id"] = str(lead_id)


def _place(desk: Desk, actor: Actor, team: Sequence[Member], lead_id: uuid.UUID) -> Place:
    key, asked = came_from.read()
    if key is None:
        return Place(listings.QUEUE, {})
    wanted = toolbar.of_url(asked) if key == listings.QUEUE else finder.of_url(asked, actor, team)
    listing: Listing | None = desk.lists.get(key)
    if listing is None or listing.params != (actor.user_id, wanted):
        # The page was loaded anew, somebody sent the link, or another list has been looked at since.
        with db.transaction() as session:
            listing = listings.read(session, desk, actor, wanted, datetime.now(UTC), key).listing
    if lead_id not in listing.ids:
        return Place(key, asked)
    return Place(key, asked, listing, (listing.params[1].page - 1) * PAGE_SIZE + listing.ids.index(lead_id) + 1)


def _go(desk: Desk, user_id: uuid.UUID, place: Place, step: int) -> None:
    """The callback that opens the next lead of the list, or the one before."""
    listing = place.listing
    page = listing.params[1].page
    position = place.row - 1 - (page - 1) * PAGE_SIZE + step
    if not 0 <= position < len(listing.ids):
        page += step
        try:
            listing = _page(desk, user_id, place, page)
        except LeadDeskError as error:
            desk.outbox.append(Notice(str(error), done=False))
            return
        if not listing.ids:
            desk.outbox.append(Notice("The list ends here by now.", done=False))
            return
        position = 0 if step > 0 else len(listing.ids) - 1
        number = LISTS[place.key].page_number
        st.query_params["from"] = came_from.written(place.key, dict(place.asked) | {number: [str(page)]})
        # The list's own widget, which would come back to the page that it was left on.
        st.session_state[number] = page
    show(listing.ids[position])


def _page(desk: Desk, user_id: uuid.UUID, place: Place, page: int) -> Listing:
    """Another page of the list, which from here on is the one that the session has open."""
    held = desk.lists[place.key]
    with db.transaction() as session:
        actor = desks.actor_of(desk, session, user_id)
        shown = listings.read(session, desk, actor, replace(held.params[1], page=page), datetime.now(UTC),
                               place.key)
    if not shown.rows:
        listings.go_back(desk, held, place.key)
    return shown.listing


def _position(place: Place) -> str:
    count, limit = place.listing.count, place.listing.count_limit
    return f"{place.row:,} of {count:,}" if count <= limit else f"{place.row:,} of more than {limit:,}"
