"""The editable list of leads that several pages share.

A keyed grid of Streamlit's keeps edits by row position, and goes on sending all of them until the data agrees. So each
grid belongs to a ``Listing``, which remembers which lead stood in which row and what its cells showed; its key carries
a digest of those leads and a version. Positions are never used with any other frame than the one that was drawn.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import streamlit as st
from sqlalchemy import Row

from lib import leads
from lib.errors import Conflict, Invalid
from lib.fields import LABELS, clean
from lib.models import Status
from lib.ui import desk as desks
from lib.ui import frame, words
from lib.ui.desk import Desk, Dispute
from lib.users import Member

# The grid's columns that are edited in place, and the field of the lead behind each. Pick lists and numbers only: free
# text belongs into the lead's form, where nothing typed is lost.
EDITED = {"status": "status", "owner": "assigned_to_user_id", "score": "score", "tags": "tags"}
_READ_ONLY = attrgetter("id", "first_name", "last_name", "email", "job_title", "company", "last_contacted_at",
                        "last_contact_method", "contact_count")
# The part of a page that runs after an edit, in place of the whole: see ``draw_page_anew_if_outdated``.
NEWS = "news"
ROW_HEIGHT, HEADER_HEIGHT, ROWS_VISIBLE = 35, 36, 13


@dataclass
class Listing:
    """One page of a list as this session has drawn it, frozen until it is refreshed."""

    params: Any
    ids: list[uuid.UUID]
    count: int
    count_limit: int
    version: int = 0
    drawn: dict[uuid.UUID, dict[str, Any]] = field(default_factory=dict)
    """What the cells hold in the frame that was drawn last."""
    saved: dict[tuple[uuid.UUID, str], Any] = field(default_factory=dict)
    """What was saved since, which the browser paints over that."""
    drawn_beside: Any = field(default=None, repr=False)
    """What else the grid was drawn with, besides the cells that are edited."""
    names: dict[uuid.UUID, str] = field(default_factory=dict)
    ticked: set[uuid.UUID] = field(default_factory=set)
    handled: dict[tuple[uuid.UUID, str], Any] = field(default_factory=dict)
    is_drawn: bool = False
    takes_all: bool = False
    """Whether actions are meant for all leads that match, not only for those that are ticked on this page."""
    digest: str = field(default="", repr=False)
    digested: list[uuid.UUID] | None = field(default=None, repr=False)
    """The ids that ``digest`` was made of."""

    @property
    def key(self) -> str:
        # Asked for several times a run, and the list of ids is replaced, never changed in place.
        if self.digested is not self.ids:
            self.digest = hashlib.sha256(repr((self.params, self.ids)).encode()).hexdigest()[:16]
            self.digested = self.ids
        return f"grid-{self.digest}-{self.version}"

    @property
    def total(self) -> str:
        """How many leads the whole list has: “1,240”, or “10,000+” where nobody counted on."""
        return f"{self.count:,}" if self.count <= self.count_limit else f"{self.count_limit:,}+"

    def pending(self) -> dict[uuid.UUID, dict[str, Any]]:
        """What the browser holds against the drawn frame, by lead. What names no drawn row or column is left out."""
        state = st.session_state.get(self.key) or {}
        found = {}
        for position, cells in state.get("edited_rows", {}).items():
            if 0 <= int(position) < len(self.ids):
                found[self.ids[int(position)]] = {name: cells[name] for name in cells
                                                  if name in EDITED or name == "selected"}
        return found

    def selected(self) -> list[uuid.UUID]:
        """The leads that are ticked, in the order of the rows."""
        pending = self.pending()
        return [lead_id for lead_id in self.ids
                if pending.get(lead_id, {}).get("selected", lead_id in self.ticked)]

    def draw_anew(self, ticked: Sequence[uuid.UUID] | None = None) -> None:
        """Let the next run draw a new grid, without what the browser holds; ticks are carried over or replaced."""
        self.ticked = set(self.selected() if ticked is None else ticked)
        self.takes_all = False
        self.handled.clear()
        self.version += 1

    def forget(self) -> None:
        """Let go of what was drawn: Streamlit keeps every grid's callbacks, and so this, as long as the tab lives."""
        self.ids, self.drawn_beside, self.digested = [], None, None
        for kept in (self.drawn, self.saved, self.handled, self.names, self.ticked):
            kept.clear()


def draw(desk: Desk, user_id: uuid.UUID, listing: Listing, rows: Sequence[Row], team: Sequence[Member]) -> None:
    """Draw the listing with the rows' present values, and save what was edited."""
    fresh = _cells(rows)
    if _was_refused(listing, fresh):
        listing.draw_anew()
    ids = [row.id for row in rows]
    if ids != listing.ids:
        listing.ids = ids
    listing.names = {row.id: leads.name_of(row) for row in rows}
    beside = _beside(listing, rows, team)
    if listing.is_drawn:
        listing.drawn, listing.saved = fresh, {}

    st.data_editor(
        frame.make(listing.ticked, rows, words.zone()), key=listing.key, hide_index=True, num_rows="fixed", placeholder=" ",
        height=HEADER_HEIGHT + ROW_HEIGHT * min(len(rows), ROWS_VISIBLE) + 2, row_height=ROW_HEIGHT,
        column_config=_columns(desk, listing, rows, team),
        disabled=["name", "job_title", "company", "last_contact", "method", "contacts"],
        on_change=_on_edit, args=(desk, user_id, listing), alt="Leads",
    )

    listing.drawn_beside = beside
    if not listing.is_drawn:
        # The browser still held edits from before a restart of the server: no callback runs for those.
        listing.is_drawn, listing.drawn, listing.saved = True, fresh, {}
        if _offer_restored(desk, listing, fresh):
            listing.draw_anew()
            st.rerun(scope="fragment")
    else:
        _save(desk, user_id, listing, listing.pending())


def draw_page_anew_if_outdated(drawn: Listing, listing: Listing, rows: Sequence[Row], team: Sequence[Member]) -> None:
    """Let the whole page run anew if the list on it, ``drawn``, is not the one wanted or does not show these values.

    What the browser paints over the frame counts as shown, so that an edit that was saved needs no new grid.
    """
    if listing is not drawn or (rows or listing.drawn) and _is_outdated(listing, rows, team):
        st.rerun()


def clicked(desk: Desk, listing: Listing, action: str, key: str) -> None:
    """The callback of a row's button: note what was asked for, by the lead that stood in that row."""
    click = st.session_state.get(key)
    if click is not None and 0 <= click["row"] < len(listing.ids):
        desk.asked_for = (action, [listing.ids[click["row"]]])
        desk.lists["clicked"] = listing


def _on_edit(desk: Desk, user_id: uuid.UUID, listing: Listing) -> None:
    _save(desk, user_id, listing, listing.pending())
    # The browser paints what was typed; the numbers and what there is to say are all that changes elsewhere.
    st.rerun(NEWS)


def _save(desk: Desk, user_id: uuid.UUID, listing: Listing, pending: Mapping[uuid.UUID, Mapping[str, Any]]) -> None:
    """Write the cells that have not been dealt with. The browser repeats each until the drawn data agrees with it."""
    with desk.lock:
        held = {(lead_id, EDITED[column]): _value(EDITED[column], value) for lead_id, changed in pending.items()
                for column, value in changed.items() if column in EDITED}
        # Of a cell that is set back to what the frame holds, the browser says nothing any more.
        back = {cell: listing.drawn[cell[0]][cell[1]] for cell in listing.handled
                if cell not in held and cell[0] in listing.drawn}
        for (lead_id, name), value in (held | back).items():
            if listing.handled.get((lead_id, name), listing) == value:
                continue
            listing.handled[lead_id, name] = value
            seen = listing.saved.get((lead_id, name), listing.drawn[lead_id][name])
            if seen != value and desks.change_cell(desk, user_id, lead_id, name, seen=seen, value=value,
                                                   lead=listing.names[lead_id]):
                listing.saved[lead_id, name] = value
        listing.handled = {cell: value for cell, value in listing.handled.items() if cell in held}


def _value(name: str, raw: Any) -> Any:
    """A cell's value as the field stores it; what cannot be stored stays as it came, to be refused in words."""
    try:
        return (uuid.UUID(raw) if raw else None) if name == "assigned_to_user_id" else clean(name, raw)
    except (Invalid, ValueError):
        return raw


def _cells(rows: Sequence[Row]) -> dict[uuid.UUID, dict[str, Any]]:
    return {row.id: {"status": row.status, "assigned_to_user_id": row.assigned_to_user_id, "score": row.score,
                     "tags": list(row.tags or [])} for row in rows}


def _beside(listing: Listing, rows: Sequence[Row], team: Sequence[Member]) -> Any:
    return listing.key, list(team), [_READ_ONLY(row) for row in rows]


def _is_outdated(listing: Listing, rows: Sequence[Row], team: Sequence[Member]) -> bool:
    if listing.drawn_beside != _beside(listing, rows, team):
        return True
    pending = listing.pending()
    return any(cells != listing.drawn[lead_id] | _typed(pending.get(lead_id, {}))
               for lead_id, cells in _cells(rows).items())


def _typed(cells: Mapping[str, Any]) -> dict[str, Any]:
    return {EDITED[column]: _value(EDITED[column], raw) for column, raw in cells.items() if column in EDITED}


def _was_refused(listing: Listing, fresh: Mapping[uuid.UUID, Mapping[str, Any]]) -> bool:
    """Whether the browser still paints a value that the database does not hold; only a new grid takes that away."""
    return listing.is_drawn and any(
        EDITED.get(column) and _value(EDITED[column], raw) != fresh[lead_id][EDITED[column]]
        for lead_id, cells in listing.pending().items() if lead_id in fresh for column, raw in cells.items())


def _offer_restored(desk: Desk, listing: Listing, fresh: Mapping[uuid.UUID, Mapping[str, Any]]) -> bool:
    """Edits that outlived the server: not written blindly, as nobody knows any more what the user had seen."""
    found = False
    for lead_id, cells in listing.pending().items():
        for column, raw in cells.items():
            name = EDITED.get(column)
            if name is None or _value(name, raw) == fresh[lead_id][name]:
                continue
            found = True
            message = f"{LABELS[name]} was not saved before the restart."
            desk.disputes.append(Dispute(
                Conflict(message, lead_id=lead_id, field=name, theirs=fresh[lead_id][name], yours=_value(name, raw),
                         by=None, at=None), listing.names[lead_id], is_restored=True))
    return found


def _columns(desk: Desk, listing: Listing, rows: Sequence[Row], team: Sequence[Member]) -> dict[str, Any]:
    column = st.column_config
    owners = words.owner_names(team, {row.assigned_to_user_id for row in rows})
    people = {str(user_id): name for user_id, name in owners.items()}
    tags = sorted({tag for row in rows for tag in row.tags or []}, key=str.lower)

    def button(action: str, label: str, help_: str) -> Any:
        key = f"{listing.key}:{action}"
        return column.ButtonColumn(label, key=key, width=44, pinned=True, alignment="center", type="tertiary",
                                   help=help_, on_click=clicked, args=(desk, listing, action, key))

    return {
        "selected": column.CheckboxColumn("", width=36, pinned=True, help="Choose several leads to act on together"),
        "log": button("log", "Log", "Log a contact"),
        "open": button("open", "Open", "Open the lead"),
        "name": column.TextColumn("Name", width=150),
        "job_title": column.TextColumn("Job title", width=130),
        "company": column.TextColumn("Company", width=120),
        "status": column.SelectboxColumn("Status", width=120, required=True, options=list(Status),
                                         format_func=words.status_in_grid, help="Click twice to change"),
        "owner": column.SelectboxColumn("Assigned to", width=120, options=list(people), format_func=people.get,
                                        help="Click twice to change; empty is unassigned"),
        "last_contact": column.DateColumn("Last contact", width=94, format="D MMM YYYY",
                                          help="Date of the latest contact that we made"),
        "method": column.MultiselectColumn("By", width=76, options=list(words.METHOD.values()), color="gray",
                                           help="How the latest contact was made"),
        "contacts": column.NumberColumn("Contacts", width=70, format="↗ %d", help="How often we have been in touch"),
        "score": column.NumberColumn("Score", width=60, min_value=0, step=1),
        "tags": column.MultiselectColumn("Tags", width=170, options=tags, color="gray", accept_new_options=True),
    }
