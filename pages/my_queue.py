"""My Queue: the four numbers, and the leads behind each of them, to be worked through from the top."""

from datetime import UTC, datetime

import streamlit as st

from lib import db, lists
from lib.ui import (actions, bulk_dialog, contact_form, export, grid, identity, jobs, listing, lost_dialog, notices,
                    outage, tiles, toolbar)
from lib.ui import desk as desks

desk = desks.of_session()


@st.fragment(run_every=20)
def queue() -> None:
    with outage.handled():
        actor, team = identity.current()
        now = datetime.now(UTC)
        people = {str(each.id): each.name for each in team}
        head = st.container()
        view, wanted = toolbar.draw()

        with db.transaction() as session:
            numbers = lists.numbers(session, actor, now=now)
            shown = listing.read(session, desk, actor, wanted, now, listing.QUEUE)

        with head:
            tiles.draw(numbers, actor, toolbar.show)
        notices.disputes(desk, actor.user_id, people, now)
        actions.draw(desk, actor, team, shown)
        if not shown.rows:
            toolbar.nothing_found(view)
        else:
            grid.draw(desk, actor.user_id, shown.listing, shown.rows, team)
            actions.paging(shown, toolbar.PAGE)
            with st.container(horizontal=True, horizontal_alignment="right"):
                export.draw(desk, actor, wanted.filter_at(actor, now), wanted.order, shown.listing)
        contact_form.go_where_asked(desk)
        jobs.show_new(desk)


jobs.draw(desk)
queue()
bulk_dialog.draw_if_asked(desk)
lost_dialog.draw_if_asked(desk)
contact_form.draw_if_asked(desk)
