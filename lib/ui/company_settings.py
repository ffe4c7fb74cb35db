"""What holds for the whole company, as a form."""

import uuid
from dataclasses import asdict
from datetime import UTC, datetime

import streamlit as st

from lib import company, db, time_zones
from lib.auth import Actor
from lib.company import CompanySettings
from lib.history import Outcome
from lib.ui import forms, people, statistics
from lib.ui.desk import Desk
from lib.ui.forms import Form

PLACE = "company"


def draw(desk: Desk, actor: Actor) -> None:
    with db.transaction() as session:
        held = company.settings(session, actor)
    form: Form = desk.lists.setdefault(PLACE, Form())
    if form.about != actor.user_id or (form.seen not in (None, held) and _typed(form.key) in (None, form.seen)):
        # Somebody else's, or changed by somebody else while nothing is typed here.
        form.about = actor.user_id
        form.start_anew()
    seen: CompanySettings = form.first(held)
    zones, strategies = time_zones.names(), list(people.AUTO)
    # What is typed outlives a look at another part or page.
    with st.container(width=560, key="company"):
        st.text_input("Name of the company", value=seen.name, max_chars=200, key=f"name:{form.key}",
                      persist_state="session")
        # Without limits, here and in all fields that are saved: the browser would keep a number beyond them to itself,
        # and Save would leave the old one in place without a word. The data access refuses it with a sentence.
        st.number_input("A follow-up is due after (days)", value=seen.follow_up_days, step=1, key=f"days:{form.key}",
                        width=260, persist_state="session",
                        help="“Follow-ups due” counts leads that are Contacted or Conversing and were last contacted "
                             "longer ago than this.")
        st.selectbox("Time zone", zones, index=zones.index(seen.time_zone) if seen.time_zone in zones else 0,
                     key=f"zone:{form.key}", persist_state="session",
                     help="For what happens without anybody looking, such as reports through the API. Pages show times "
                          "in each person's own zone.")
        st.selectbox("Enriched leads that nobody owns are assigned", strategies, format_func=people.AUTO.get,
                     index=strategies.index(seen.auto_assign), key=f"auto:{form.key}",
                     persist_state="session",
                     help="To reps who take leads, are here and have room.")
        forms.problem(desk, form)
        st.button("Save", type="primary", key=f"save:{form.key}", on_click=_on_save,
                  args=(desk, actor.user_id, form, form.key))


def _on_save(desk: Desk, user_id: uuid.UUID, form: Form, key: str) -> None:
    if form.key != key:
        return
    seen, wanted = form.seen, asdict(_typed(key))

    def work(session, actor: Actor) -> Outcome:
        company.change(session, actor, wanted, seen=seen, now=datetime.now(UTC))
        return Outcome(None, [actor.company_id])

    statistics.forget(desk)
    forms.save(desk, user_id, form, work, lambda outcome: "Settings of the company saved.")


def _typed(key: str) -> CompanySettings | None:
    """What the form holds, also while another part is looked at; None before it was drawn first."""
    state = st.session_state
    if f"name:{key}" not in state:
        return None
    return CompanySettings(state[f"name:{key}"], state[f"days:{key}"], state[f"zone:{key}"], state[f"auto:{key}"])
