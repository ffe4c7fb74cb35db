"""One lead, at its own address: who it is, what can be done, everything that has happened."""

import uuid
from datetime import UTC, datetime

import streamlit as st

from lib import db, history, leads
from lib.errors import NotFound
from lib.ui import contact_form, enrichment, identity, jobs, lead_form, lead_header, notices, outage, timeline
from lib.ui import desk as desks

desk = desks.of_session()


@st.fragment(run_every=20)
def lead_page() -> None:
    with outage.handled():
        actor, team = identity.current()
        now = datetime.now(UTC)
        people = {str(each.id): each.name for each in team}
        shown_events = desk.lists.setdefault("events shown", timeline.PAGE_SIZE)

        with db.transaction() as session:
            lead = leads.find(session, actor, asked_for())
            events = history.timeline(session, actor, lead.id, limit=shown_events + 1)

        lead_header.draw(desk, actor, lead, team, now)
        notices.line(desk, actor.user_id, lead_header.last_contact(lead, now))
        notices.disputes(desk, actor.user_id, people, now)
        details, story = st.columns([5, 6], gap="large")
        with details:
            lead_form.draw(desk, actor.user_id, lead, people)
            enrichment.draw(lead.enrichment_data)
        with story:
            st.subheader("History", anchor=False)
            timeline.draw(desk, actor, events[:shown_events], people, now)
            if len(events) > shown_events:
                st.button("Show older", key="older", on_click=show_older)
        contact_form.go_where_asked(desk)


def asked_for() -> uuid.UUID:
    try:
        return uuid.UUID(st.query_params.get("id", ""))
    except ValueError:
        raise NotFound(leads.NO_SUCH_LEAD) from None


def show_older() -> None:
    desk.lists["events shown"] += timeline.PAGE_SIZE


jobs.draw(desk)
lead_page()
contact_form.draw_if_asked(desk)
