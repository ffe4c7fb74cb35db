"""The top of a lead's page: who it is, where it stands, and what to do next."""

import uuid
from collections.abc import Sequence
from datetime import datetime

import streamlit as st
from sqlalchemy import Row
from streamlit.delta_generator import DeltaGenerator

from lib import leads
from lib.auth import Actor
from lib.models import Method, Status
from lib.ui import contact_form, words
from lib.ui import desk as desks
from lib.ui.desk import Desk
from lib.users import Member


def draw(desk: Desk, actor: Actor, lead: Row, team: Sequence[Member], who: DeltaGenerator,
         actions: DeltaGenerator) -> None:
    """Draw who it is into ``who``, and what can be done at once into ``actions``."""
    with who, st.container(gap="xxsmall"):
        st.header(words.plain(leads.name_of(lead)), anchor=False)
        about = [part for part in (lead.job_title, lead.company, lead.company_industry) if part]
        st.markdown(" · ".join(words.plain(part) for part in about) or "No job title or company yet")
        _ways_to_reach(desk, lead)
    with actions, st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="bottom", gap="small"):
        _pick_status(desk, actor, lead)
        _pick_owner(desk, actor, lead, team)
        st.button("Log contact", type="primary", icon=":material/edit_note:", key="log_contact", shortcut="Alt+L",
                  on_click=contact_form.request, args=(desk, [lead.id]))


def last_contact(lead: Row, now: datetime) -> str:
    if lead.last_contacted_at is None:
        return "Never contacted"
    by = words.METHOD.get(lead.last_contact_method, lead.last_contact_method)
    told = f"Last contact {words.ago(lead.last_contacted_at, now)}" + (f" by {by}" if by else "")
    if lead.last_response_at:
        told += f" · last answer {words.ago(lead.last_response_at, now)}"
    told += f" · {words.counted(lead.contact_count, 'contact')}"
    return f"{told}, {words.counted(lead.response_count, 'answer')}" if lead.response_count else told


def origin(lead: Row, now: datetime) -> str:
    """Where the lead came from, and when what happened to it: what nobody edits."""
    workflow = f" by {words.plain(lead.source_workflow)}" if lead.source_workflow else ""
    told = [f"Source {words.plain(lead.source)}{workflow}" if lead.source else f"Came{workflow}" if workflow else
            "Source unknown", f"added {words.time_of(lead.created_at)}"]
    if lead.assigned_at:
        told.append(f"assigned {words.time_of(lead.assigned_at)}")
    return " · ".join([*told, f"last changed {words.ago(lead.updated_at, now)}"])


def _ways_to_reach(desk: Desk, lead: Row) -> None:
    """Each way as a link that opens and, back here, finds Log Contact open with that method."""
    ways = ((":material/mail:", lead.email, "mailto", Method.EMAIL),
            (":material/call:", lead.phone, "tel", Method.CALL),
            (":material/work:", lead.linkedin_url, "https", Method.LINKEDIN))
    ways = [each for each in ways if each[1]]
    if not ways:
        st.markdown("No way to reach them yet")
        return
    with st.container(horizontal=True, gap="small", key="ways"):
        for icon, text, scheme, method in ways:
            address = words.address_of(text, scheme)
            if address is None:
                st.markdown(f"{icon} {words.plain(text)}", width="content")
                continue
            st.link_button(words.plain(words.shortened(text, scheme)), address, icon=icon, type="tertiary",
                           key=f"reach:{method}", on_click=contact_form.request, args=(desk, [lead.id], method),
                           help="Opens it, and here the contact to log")


def _pick_status(desk: Desk, actor: Actor, lead: Row) -> None:
    # The key holds the present value and how often something was said, so a choice that was refused is not left on show.
    key = f"status:{lead.id}:{lead.status}:{desk.turn}"
    st.selectbox("Status", list(Status), index=list(Status).index(Status(lead.status)), key=key, width=150,
                 format_func=words.status_in_grid, on_change=_change, args=(desk, actor.user_id, lead, "status", key))


def _pick_owner(desk: Desk, actor: Actor, lead: Row, team: Sequence[Member]) -> None:
    owner = lead.assigned_to_user_id
    people = {None: "Nobody"} | words.owner_names(team, {owner})
    key = f"owner:{lead.id}:{owner}:{desk.turn}"
    st.selectbox("Assigned to", list(people), index=list(people).index(owner), key=key, width=180,
                 format_func=lambda user_id: people[user_id], on_change=_change,
                 args=(desk, actor.user_id, lead, "assigned_to_user_id", key))


def _change(desk: Desk, user_id: uuid.UUID, lead: Row, name: str, key: str) -> None:
    value = st.session_state[key]
    desks.change_cell(desk, user_id, lead.id, name, seen=getattr(lead, name),
                      value=str(value) if name == "status" else value, lead=leads.name_of(lead))
