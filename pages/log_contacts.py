"""Log Contacts: the team lead's page, to write down what anybody did, and to put right what was written down."""

from datetime import UTC, datetime

import streamlit as st

from lib import db
from lib.ui import contact_edit, contact_form, identity, jobs, log_form, notices, outage, recent_contacts
from lib.ui import desk as desks

desk = desks.of_session()


@st.fragment(run_every=20)
def log_contacts() -> None:
    with outage.handled():
        actor, team = identity.current()
        now = datetime.now(UTC)
        notices.line(desk, actor.user_id, "Counters, last contact and status follow at once.")
        form, recent = st.columns([5, 6], gap="large")
        with form:
            st.subheader("Log a contact", anchor=False)
            log_form.draw(desk, actor, team, now)
        with recent:
            st.subheader("Recent contacts", anchor=False)
            wanted = recent_contacts.filters(team, actor)
            with db.transaction() as session:
                rows = recent_contacts.read(session, desk, actor, wanted, now)
            recent_contacts.draw(desk, actor, rows, wanted, now)
        contact_edit.go_where_asked(desk)
        contact_form.go_where_asked(desk)
        jobs.show_new(desk)


jobs.draw(desk)
log_contacts()
contact_edit.draw_if_asked(desk)
