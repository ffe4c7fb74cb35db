"""What can be done with the leads of a list: with those that are ticked, or with all that match; and turning pages."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from lib import bulk, leads
from lib.auth import Actor
from lib.config import settings
from lib.history import Outcome
from lib.models import Status
from lib.ui import bulk_dialog, contact_form, notices, preset, words
from lib.ui import desk as desks
from lib.ui import listing as listings
from lib.ui.bulk_dialog import Bulk
from lib.ui.desk import Desk
from lib.ui.grid import Listing
from lib.ui.listing import PAGE_SIZE, Shown
from lib.users import Member


def draw(desk: Desk, actor: Actor, team: Sequence[Member], shown: Shown, *, key: str = listings.QUEUE) -> None:
    """The row of actions, and the line that says what happened. ``key`` is the list's in ``desk.lists``."""
    listing = shown.listing
    chosen = listing.selected()
    if len(chosen) < len(listing.ids):
        listing.takes_all = False
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="actions"):
        members = {str(each.id): each.name for each in team if each.can_own}
        none = not chosen
        _selection(shown, chosen)
        st.menu_button("Assign to", ["", *members], key="assign_selected", disabled=none,
                       icon=":material/person_add:", format_func=lambda key: members.get(key, "Nobody"),
                       on_click=_assign, args=(desk, actor.user_id, listing, chosen, members))
        st.menu_button("Set status", list(Status), key="status_selected", disabled=none, icon=":material/flag:",
                       format_func=words.STATUS.get, on_click=_set_status, args=(desk, actor.user_id, listing, chosen))
        _tags(desk, actor.user_id, shown, chosen)
        st.button("Log contact", key="log_selected", disabled=none, icon=":material/edit_note:", shortcut="Alt+L",
                  help="Log the same contact with the selected leads", on_click=_log,
                  args=(desk, actor.user_id, listing, chosen))
        notices.line(desk, actor.user_id, _position(shown))
        if shown.moved:
            st.button(f"{words.counted(shown.moved, 'lead')} changed", icon=":material/refresh:", type="tertiary",
                      key="refresh", help="Show the list as it is now", on_click=listings.refresh, args=(desk, key))


def page_number(key: str) -> int:
    """The page that the pagination of this key stands on, also before it is drawn: on a first run only the URL has it."""
    return page_of(preset.value_of(key) or st.query_params.get(key, "1"))


def page_of(page: int | str) -> int:
    """A page's number, as the URL or a widget has it; the first page for what is none."""
    return max(1, int(page)) if str(page).isdigit() and len(str(page)) < 7 else 1


def paging(shown: Shown, key: str) -> None:
    listing = shown.listing
    pages = max(1, -(-min(listing.count, listing.count_limit) // PAGE_SIZE))
    if pages == 1:
        return
    if page_number(key) > pages:
        st.session_state[key] = pages
    st.pagination(pages, key=key, bind="query-params")


def _selection(shown: Shown, chosen: Sequence[uuid.UUID]) -> None:
    listing = shown.listing
    selected = listing.total if listing.takes_all else f"{len(chosen)}"
    st.button(f"{selected} selected" if chosen else "Select page", key="select", type="tertiary",
              icon=":material/check_box:" if chosen else ":material/check_box_outline_blank:",
              help="Select nothing" if chosen else "Select all leads on this page",
              on_click=listing.draw_anew, args=([] if chosen else list(listing.ids),))
    if not listing.takes_all and listing.count > len(chosen) == len(listing.ids):
        st.button(f"Select all {listing.total}", key="select_all", type="tertiary", icon=":material/done_all:",
                  help="Also the leads on the other pages", on_click=_take_all, args=(listing,))


def _take_all(listing) -> None:
    listing.takes_all = True


def _tags(desk: Desk, user_id: uuid.UUID, shown: Shown, chosen: Sequence[uuid.UUID]) -> None:
    # The menu is filled when it is opened: closed, it would be a tenth of what an edit sends.
    menu = st.popover("Tags", icon=":material/sell:", disabled=not chosen, key="tags_selected", on_change="rerun")
    if not menu.open:
        return
    known = sorted({tag for row in shown.rows for tag in row.tags or []}, key=str.lower)
    with menu, st.form(f"tags:{desk.turn}", border=False):
        st.multiselect("Add", known, accept_new_options=True, key=f"add_tags:{desk.turn}", placeholder="Tags to add")
        st.multiselect("Remove", known, accept_new_options=True, key=f"remove_tags:{desk.turn}",
                       placeholder="Tags to take away")
        st.form_submit_button("Change tags", on_click=_tag, args=(desk, user_id, shown.listing, chosen, desk.turn))


def _position(shown: Shown) -> str:
    listing = shown.listing
    if not shown.rows:
        return "No leads"
    first = (listing.params[1].page - 1) * PAGE_SIZE + 1
    at = datetime.now(UTC).astimezone(words.zone())
    demo = " · demo with invented data" if settings().is_open else ""
    return f"{first:,}–{first + len(shown.rows) - 1:,} of {listing.total} · as of {at:%H:%M}{demo}"


def _do(desk: Desk, user_id: uuid.UUID, listing: Listing, chosen: Sequence[uuid.UUID], what: Bulk) -> None:
    """Do it with the ticked leads at once, and with all that match once the user has seen how many those are."""
    if listing.takes_all:
        bulk_dialog.request(desk, what, listing.params[1])
        return
    desks.run(desk, user_id, lambda session, actor: what.work(session, actor, chosen, lambda done: None), what.said)


def _assign(desk: Desk, user_id: uuid.UUID, listing: Listing, chosen: Sequence[uuid.UUID],
            members: dict[str, str]) -> None:
    picked = st.session_state["assign_selected"]
    if picked is None:
        return
    to, name = uuid.UUID(picked) if picked else None, members.get(picked, "nobody")
    _do(desk, user_id, listing, chosen, Bulk(
        lambda many: f"Assign {many} to {name}",
        lambda session, actor, ids, progress: leads.assign(session, actor, ids, to=to, progress=progress),
        lambda outcome: f"{words.counted(len(outcome.done), 'lead')} assigned to {name}."))


def _set_status(desk: Desk, user_id: uuid.UUID, listing: Listing, chosen: Sequence[uuid.UUID]) -> None:
    status = st.session_state["status_selected"]
    if status is None:
        return

    def said(outcome: Outcome) -> str:
        if status == Status.LOST:
            [name] = [listing.names.get(each, "1 lead") for each in outcome.done[:1]]
            desks.ask_why(desk, outcome, name)
        return f"{words.counted(len(outcome.done), 'lead')} set to {words.STATUS[status]}."

    _do(desk, user_id, listing, chosen, Bulk(
        lambda many: f"Set {many} to {words.STATUS[status]}",
        lambda session, actor, ids, progress: bulk.set_status(session, actor, ids, str(status), progress=progress),
        said))


def _tag(desk: Desk, user_id: uuid.UUID, listing: Listing, chosen: Sequence[uuid.UUID], turn: int) -> None:
    add, remove = st.session_state[f"add_tags:{turn}"], st.session_state[f"remove_tags:{turn}"]
    if not add and not remove:
        return
    told = " and ".join(f"{verb} {words.listed([f'“{tag}”' for tag in tags])}" for verb, tags in
                        (("add", add), ("remove", remove)) if tags)
    _do(desk, user_id, listing, chosen, Bulk(
        lambda many: f"{told[:1].upper()}{told[1:]} for {many}",
        lambda session, actor, ids, progress: bulk.tag(session, actor, ids, add=add, remove=remove, progress=progress),
        lambda outcome: f"Tags of {words.counted(len(outcome.done), 'lead')} changed."))


def _log(desk: Desk, user_id: uuid.UUID, listing: Listing, chosen: Sequence[uuid.UUID]) -> None:
    if listing.takes_all:
        bulk_dialog.request(desk, None, listing.params[1])
    else:
        contact_form.request(desk, chosen)
