"""One lead, at its own address: who it is, what can be done, everything that has happened, who else is there."""

import uuid
from datetime import UTC, datetime

import streamlit as st

from lib import db, history, leads, neighbours
from lib.ui import (contact_form, enrichment, identity, jobs, lead_form, lead_header, lost_dialog, notices, outage,
                    same_firm, timeline, walk)
from lib.ui import desk as desks

desk = desks.of_session()


@st.fragment(run_every=20)
def lead_page() -> None:
    with outage.handled():
        actor, team = identity.current()
        now = datetime.now(UTC)
        people = {str(each.id): each.name for each in team}
        lead_id = asked_for()
        who, actions = st.columns([5, 6], gap="medium")
        with actions:
            walk.draw(desk, actor, team, lead_id)

        with db.transaction() as session:
            lead = leads.find(session, actor, lead_id)
            others = neighbours.at_same_firm(session, actor, lead_id, limit=same_firm.SHOWN)

        lead_header.draw(desk, actor, lead, team, who, actions)
        notices.line(desk, actor.user_id, lead_header.last_contact(lead, now))
        notices.disputes(desk, actor.user_id, people, now)
        columns = st.grid(3, min_column_width=290, gap="medium", key="lead")
        details, story, around = columns.container(), columns.container(), columns.container()
        with details:
            lost_dialog.mark(desk, lead)
            lead_form.draw(desk, actor.user_id, lead, walk.show)
            st.caption(lead_header.origin(lead, now))
        with story:
            kind, limit = timeline.choose(desk, lead_id)
            with db.transaction() as session:
                events = history.timeline(session, actor, lead_id, kind=kind, limit=limit + 1)
            timeline.draw(desk, actor, lead_id, events, kind, limit, people, now)
        with around:
            same_firm.draw(lead, others, now)
            enrichment.draw(lead)
        contact_form.go_where_asked(desk)
        jobs.show_new(desk)


def asked_for() -> uuid.UUID:
    """The lead of the page's address, which is nobody's where there is none in it: that has the way back as well."""
    try:
        return uuid.UUID(st.query_params.get("id", ""))
    except ValueError:
        return uuid.UUID(int=0)


jobs.draw(desk)
lead_page()
lost_dialog.draw_if_asked(desk)
contact_form.draw_if_asked(desk)
