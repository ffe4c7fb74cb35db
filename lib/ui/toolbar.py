"""Above and below the list: which leads, in which order, what to do with those that are ticked, which page.

What is chosen here is in the URL, so that a list can be bookmarked and sent to a colleague, who then sees their own
leads by the same rule.
"""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from lib import leads
from lib.auth import Actor
from lib.config import settings
from lib.orders import ORDERS
from lib.leads import ANYTHING, Edit
from lib.models import Status
from lib.ui import contact_form, notices, words
from lib.ui import desk as desks
from lib.ui import listing as listings
from lib.ui.desk import Desk
from lib.ui.listing import PAGE_SIZE, Shown, Wanted
from lib.users import Member
from lib.views import VIEWS, View

SUGGESTED = ""


def draw() -> Wanted:
    """The filters; what they ask for."""
    with st.grid(4, min_column_width=150, gap="small", key="filters"):
        view = st.selectbox("List", list(VIEWS), format_func=lambda key: VIEWS[key].title, key="view",
                            bind="query-params", on_change=_first_page)
        search = st.text_input("Search", type="search", key="q", bind="query-params", max_chars=200,
                               placeholder="Name, e-mail or company", on_change=_first_page, live=True)
        statuses = st.multiselect("Status", list(Status), format_func=words.STATUS.get, key="status",
                                  bind="query-params", placeholder="Any", on_change=_first_page)
        order = st.selectbox("Order", [SUGGESTED, *ORDERS], key="sort", bind="query-params", on_change=_first_page,
                             format_func=lambda key: ORDERS[key].label if key else "Suggested")
    return Wanted(view, tuple(sorted(statuses)), search or "", order, _page())


def show(view: str) -> None:
    """The callback that opens a view, without what narrowed the one before."""
    st.session_state.update(view=view, q="", status=[], sort=SUGGESTED, page=1)


def actions(desk: Desk, actor: Actor, team: Sequence[Member], shown: Shown) -> None:
    """What can be done with the ticked leads, and the line that says what happened.

    The line stands at the right, where the grid's own tools appear over it when the mouse is on the grid.
    """
    listing = shown.listing
    chosen = listing.selected()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="actions"):
        members = {str(each.id): each.name for each in team if each.is_active}
        none = not chosen
        st.button(f"{len(chosen)} selected" if chosen else "Select page", key="select", type="tertiary",
                  icon=":material/check_box:" if chosen else ":material/check_box_outline_blank:",
                  help="Select nothing" if chosen else "Select all leads on this page",
                  on_click=listing.draw_anew, args=([] if chosen else list(listing.ids),))
        st.menu_button("Assign to", ["", *members], key="assign_selected", disabled=none,
                       icon=":material/person_add:", format_func=lambda key: members.get(key, "Nobody"),
                       on_click=_assign, args=(desk, actor.user_id, chosen, members))
        st.menu_button("Set status", list(Status), key="status_selected", disabled=none, icon=":material/flag:",
                       format_func=words.STATUS.get, on_click=_set_status, args=(desk, actor.user_id, chosen))
        st.button("Log contact", key="log_selected", disabled=none, icon=":material/edit_note:", shortcut="Alt+L",
                  help="Log the same contact with the selected leads", on_click=contact_form.request, args=(desk, chosen))
        notices.line(desk, actor.user_id, _position(shown))
        if shown.moved:
            st.button(f"{words.counted(shown.moved, 'lead')} changed", icon=":material/refresh:", type="tertiary",
                      key="refresh", help="Show the list as it is now", on_click=listings.refresh, args=(desk,))


def nothing_found(wanted: Wanted, view: View) -> None:
    """The empty list: why it is empty, and the way out."""
    narrowed = wanted.search or wanted.statuses
    with st.container(border=True, horizontal_alignment="center", key="empty"):
        st.markdown(":material/search_off: No lead in this list matches your search and filters."
                    if narrowed else f":material/inbox: {view.empty}", width="content")
        if narrowed:
            st.button("Clear search and filters", key="clear", on_click=show, args=(wanted.view,))
        elif wanted.page > 1:
            st.button("Go to the first page", key="first", on_click=_first_page)


def paging(shown: Shown) -> None:
    pages = max(1, -(-min(shown.listing.count, leads.COUNT_LIMIT) // PAGE_SIZE))
    if pages == 1:
        return
    if _page() > pages:
        st.session_state["page"] = pages
    st.pagination(pages, key="page", bind="query-params")


def _position(shown: Shown) -> str:
    count = shown.listing.count
    if not shown.rows:
        return "No leads"
    first = (shown.listing.params[1].page - 1) * PAGE_SIZE + 1
    total = f"{count:,}" if count <= leads.COUNT_LIMIT else f"{leads.COUNT_LIMIT:,}+"
    at = datetime.now(UTC).astimezone(words.zone())
    demo = " · demo with invented data" if settings().is_demo else ""
    return f"{first:,}–{first + len(shown.rows) - 1:,} of {total} · as of {at:%H:%M}{demo}"


def _page() -> int:
    """The page number, known before its widget is drawn below the list: on a first run only the URL has it."""
    page = st.session_state.get("page") or st.query_params.get("page", "1")
    return max(1, int(page)) if str(page).isdigit() and len(str(page)) < 7 else 1


def _first_page() -> None:
    st.session_state["page"] = 1


def _assign(desk: Desk, user_id: uuid.UUID, chosen: Sequence[uuid.UUID], members: dict[str, str]) -> None:
    picked = st.session_state["assign_selected"]
    if picked is None:
        return
    to = uuid.UUID(picked) if picked else None
    desks.run(desk, user_id, lambda session, actor: leads.assign(session, actor, chosen, to=to),
              lambda outcome: f"{words.counted(len(outcome.done), 'lead')} assigned to "
                              f"{members.get(picked, 'nobody')}.")


def _set_status(desk: Desk, user_id: uuid.UUID, chosen: Sequence[uuid.UUID]) -> None:
    status = st.session_state["status_selected"]
    if status is None:
        return
    edits = [Edit(lead_id, "status", ANYTHING, str(status)) for lead_id in chosen]
    desks.run(desk, user_id, lambda session, actor: leads.edit(session, actor, edits),
              lambda outcome: f"{words.counted(len(outcome.done), 'lead')} set to {words.STATUS[status]}.")

