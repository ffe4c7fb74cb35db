"""My Queue: the four numbers, and the leads behind each of them, to be worked through from the top."""

from datetime import UTC, datetime

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib import db, lists
from lib.ui import (actions, bulk_dialog, contact_form, export, grid, identity, jobs, listing, lost_dialog, notices,
                    outage, tiles, toolbar)
from lib.ui import desk as desks

desk = desks.of_session()


@st.fragment(key=listing.QUEUE)
def queue() -> None:
    with outage.handled():
        contact_form.go_where_asked(desk)
        actor, team = identity.current()
        now = datetime.now(UTC)
        head = st.container()
        view, wanted = toolbar.draw()

        with db.transaction() as session:
            numbers = lists.numbers(session, actor, now=now)
            shown = listing.read(session, desk, actor, wanted, now, listing.QUEUE)

        with identity.kept(actor, team):
            news(head, shown.listing, [(numbers, shown)])
        if not shown.rows:
            shown.listing.forget()
            toolbar.nothing_found(view)
        else:
            grid.draw(desk, actor.user_id, shown.listing, shown.rows, team)
            actions.paging(shown, toolbar.PAGE)
            export.draw(desk, wanted, shown.listing)
        contact_form.go_where_asked(desk)


@st.fragment(key=grid.NEWS, run_every=20)
def news(head: DeltaGenerator, drawn: grid.Listing, known: list[tuple[lists.Numbers, listing.Shown]]) -> None:
    """The numbers, what there is to say and what can be done: all that an edit changes while the list is ``drawn``."""
    with outage.handled():
        contact_form.go_where_asked(desk)
        actor, team = identity.current()
        now = datetime.now(UTC)

        if known:
            numbers, shown = known.pop()
        else:
            with db.transaction() as session:
                numbers = lists.numbers(session, actor, now=now)
                shown = listing.read(session, desk, actor, toolbar.chosen(), now, listing.QUEUE)
            grid.draw_page_anew_if_outdated(drawn, shown.listing, shown.rows, team)

        with head:
            tiles.draw(numbers, actor, toolbar.show)
        notices.disputes(desk, actor.user_id, {str(each.id): each.name for each in team}, now)
        actions.draw(desk, actor, team, shown)
        jobs.show_new(desk)


jobs.draw(desk)
queue()
bulk_dialog.draw_if_asked(desk)
lost_dialog.draw_if_asked(desk)
contact_form.draw_if_asked(desk)
