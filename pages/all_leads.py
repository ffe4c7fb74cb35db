"""All Leads: every lead of the company, found by any column, and changed one by one or all that match at once."""

from datetime import UTC, datetime

import streamlit as st

from lib import db
from lib.ui import (actions, bulk_dialog, contact_form, export, finder, grid, identity, jobs, listing, lost_dialog,
                    new_lead, notices, outage, vocabulary)
from lib.ui import desk as desks

desk = desks.of_session()


@st.fragment(key=listing.ALL)
def all_leads() -> None:
    with outage.handled():
        contact_form.go_where_asked(desk)
        actor, team = identity.current()
        now = datetime.now(UTC)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.header("All leads", anchor=False)
            st.page_link("../pages/import_leads.py", label="Import", icon=":material/upload_file:", width="content")
            new_lead.button(desk)
        query, wanted = finder.draw(actor, team, vocabulary.of(desk, actor, now))

        with db.transaction() as session:
            shown = listing.read(session, desk, actor, wanted, now, listing.ALL)

        with identity.kept(actor, team):
            news(shown.listing, [shown])
        if not shown.rows:
            shown.listing.forget()
            finder.nothing_found(query)
        else:
            grid.draw(desk, actor.user_id, shown.listing, shown.rows, team)
            actions.paging(shown, finder.PAGE)
            export.draw(desk, wanted, shown.listing)
        contact_form.go_where_asked(desk)


@st.fragment(key=grid.NEWS, run_every=20)
def news(drawn: grid.Listing, known: list[listing.Shown]) -> None:
    """What there is to say and what can be done: all that an edit changes while the list is ``drawn``."""
    with outage.handled():
        contact_form.go_where_asked(desk)
        actor, team = identity.current()
        now = datetime.now(UTC)

        if known:
            shown = known.pop()
        else:
            with db.transaction() as session:
                shown = listing.read(session, desk, actor, finder.chosen(actor), now, listing.ALL)
            grid.draw_page_anew_if_outdated(drawn, shown.listing, shown.rows, team)

        notices.disputes(desk, actor.user_id, {str(each.id): each.name for each in team}, now)
        actions.draw(desk, actor, team, shown, key=listing.ALL)
        jobs.show_new(desk)


jobs.draw(desk)
all_leads()
bulk_dialog.draw_if_asked(desk)
lost_dialog.draw_if_asked(desk)
new_lead.draw_if_asked(desk)
contact_form.draw_if_asked(desk)
