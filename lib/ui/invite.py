"""Giving access: to somebody by their e-mail address, or to a machine."""

import uuid
from datetime import UTC, datetime

import streamlit as st

from lib import team, time_zones
from lib.auth import Actor
from lib.history import Outcome
from lib.models import Role
from lib.ui import forms, words
from lib.ui.desk import Desk
from lib.ui.forms import Form

INVITING, SERVICE = "invite", "service user"
ROLES = ("A rep works the leads that are theirs or nobody's. A team lead also works those of others and logs contacts "
         "for them. A manager also sees the workload, hands leads out, and has the settings.")


def buttons(desk: Desk) -> None:
    st.button("Invite", type="primary", icon=":material/person_add:", key="invite", on_click=_request,
              args=(desk, INVITING))
    st.button("Add a service user", icon=":material/smart_toy:", key="add_service", on_click=_request,
              args=(desk, SERVICE), help="A user for a machine, such as N8N: it acts through API tokens, never signs in "
                                         "and takes no leads.")


def draw_if_asked(desk: Desk, actor: Actor) -> None:
    """Open the dialog that was asked for, if any. Called from the page itself, never from inside a fragment."""
    if INVITING in desk.lists:
        _invite(desk, actor)
    elif SERVICE in desk.lists:
        _add_service(desk, actor)


def role(held: Role, key: str) -> Role:
    return st.selectbox("Role", list(Role), index=list(Role).index(held), key=f"role:{key}",
                        format_func=words.ROLE.get, help=ROLES)


def zone(held: str | None, key: str) -> None:
    zones = [None, *time_zones.names()]
    st.selectbox("Time zone", zones, index=zones.index(held) if held in zones else 0, key=f"zone:{key}",
                 format_func=lambda name: name or "As their browser says")


@st.dialog("Invite", icon=":material/person_add:", on_dismiss=lambda: _leave(st.session_state["desk"]))
def _invite(desk: Desk, actor: Actor) -> None:
    if INVITING not in desk.lists or desk.outbox:
        st.rerun()
    form: Form = desk.lists[INVITING]
    if form.about is not None:
        _invited(desk, *form.about)
        return
    st.text_input("Name", max_chars=100, key=f"name:{form.key}")
    st.text_input("E-mail", max_chars=320, key=f"email:{form.key}", help="The address that they sign in with")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        role(Role.REP, form.key)
        zone(None, form.key)
    st.toggle("Takes leads", value=True, key=f"takes:{form.key}", help="In turn, and when leads are shared out")
    forms.problem(desk, form)
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Cancel", type="tertiary", key="invite_cancel", on_click=_leave, args=(desk,))
        st.button("Give access", type="primary", key=f"save:{form.key}", on_click=_on_invite,
                  args=(desk, actor.user_id, form, form.key))


def _invited(desk: Desk, name: str, email: str) -> None:
    """What the manager has to do themselves: nobody is mailed."""
    st.markdown(f":material/check_circle: **{words.plain(name)}** has access and can sign in with "
                f"**{words.plain(email)}** now. Nothing was mailed: send them this link.")
    st.code(forms.address_of_site() or "The address of this page", language=None)
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Done", type="primary", key="invite_done", on_click=_leave, args=(desk,))


def _on_invite(desk: Desk, user_id: uuid.UUID, form: Form, key: str) -> None:
    if form.key != key:
        return
    state = st.session_state
    given = {"name": state[f"name:{key}"], "email": state[f"email:{key}"], "role": state[f"role:{key}"],
             "time_zone": state[f"zone:{key}"], "takes_leads": state[f"takes:{key}"]}

    def work(session, actor: Actor) -> Outcome:
        return Outcome(None, [team.invite(session, actor, **given, now=datetime.now(UTC))])

    name = given["name"].strip()
    if forms.save(desk, user_id, form, work, lambda outcome: f"{name} has access now."):
        form.about = (name, given["email"].strip().lower())


@st.dialog("Add a service user", icon=":material/smart_toy:", on_dismiss=lambda: _leave(st.session_state["desk"]))
def _add_service(desk: Desk, actor: Actor) -> None:
    if SERVICE not in desk.lists or desk.outbox:
        st.rerun()
    form: Form = desk.lists[SERVICE]
    st.caption("A user for a machine: it acts through API tokens, never signs in and takes no leads.")
    st.text_input("Name", max_chars=100, key=f"name:{form.key}", placeholder="N8N")
    role(Role.TEAM_LEAD, form.key)
    forms.problem(desk, form)
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Cancel", type="tertiary", key="service_cancel", on_click=_leave, args=(desk,))
        st.button("Add", type="primary", key=f"save:{form.key}", on_click=_on_add_service,
                  args=(desk, actor.user_id, form, form.key))


def _on_add_service(desk: Desk, user_id: uuid.UUID, form: Form, key: str) -> None:
    if form.key != key:
        return
    name, role = st.session_state[f"name:{key}"].strip(), st.session_state[f"role:{key}"]

    def work(session, actor: Actor) -> Outcome:
        return Outcome(None, [team.add_service_user(session, actor, name=name, role=role, now=datetime.now(UTC))])

    if forms.save(desk, user_id, form, work, lambda outcome: f"{name} is added. Make it a token under API tokens."):
        _leave(desk)


def _request(desk: Desk, kind: str) -> None:
    _leave(desk)
    desk.lists[kind] = Form()


def _leave(desk: Desk) -> None:
    for kind in (INVITING, SERVICE):
        desk.lists.pop(kind, None)
