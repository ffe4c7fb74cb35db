"""The team: who has access, in which role, who takes leads; inviting, changing, letting go and letting in again."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from lib import db, leavers, staffing, team, time_zones
from lib.auth import Actor
from lib.history import Outcome
from lib.models import Role
from lib.staffing import Taking
from lib.team import Colleague
from lib.ui import desk as desks
from lib.ui import forms, people, row_buttons, taking, words
from lib.ui.desk import Desk
from lib.ui.forms import Form

# Whom a row's button was pressed for, and the form of the dialog that is open for them.
ASKED, FORM = "colleague", "colleague form"
INVITING, SERVICE = "invite", "service user"
ROLES = ("A rep works the leads that are theirs or nobody's. A team lead also works those of others and logs contacts "
         "for them. A manager also sees the workload, hands leads out, and has the settings.")
PROFILE = ("name", "email", "role", "time_zone")


def draw(desk: Desk, actor: Actor, now: datetime) -> None:
    with db.transaction() as session:
        everybody = team.everybody(session, actor)
    with st.container(horizontal=True, key="team_buttons"):
        st.button("Invite", type="primary", icon=":material/person_add:", key="invite", on_click=_request,
                  args=(desk, INVITING))
        st.button("Add a service user", icon=":material/smart_toy:", key="add_service", on_click=_request,
                  args=(desk, SERVICE), help="A user for a machine, such as N8N: it acts through API tokens, never signs "
                                             "in and takes no leads.")
    column = st.column_config
    row_buttons.table(
        desk, _frame(everybody, now), [each.id for each in everybody], place=ASKED, icon=":material/edit:",
        told="Change, deactivate or let in again", alt="Team", columns={
            "Name": column.TextColumn(width=170), "Role": column.TextColumn(width=90),
            "Access": column.TextColumn(width=80), "E-mail": column.TextColumn(width=280),
            "Takes leads": column.TextColumn(width=130),
            "Open leads": column.NumberColumn(format="localized", width=90, help="Leads that they own with any status "
                                              "but Converted and Lost"),
            "At most": column.NumberColumn(format="localized", width=70, help="How many open leads they take at most"),
            "Last assigned": column.TextColumn(width=110, help="When it was their turn last")})
    chosen = next((each for each in everybody if each.id == desk.lists.get(ASKED)), None)
    if INVITING in desk.lists:
        _invite(desk, actor)
    elif SERVICE in desk.lists:
        _add_service(desk, actor)
    elif chosen is not None:
        _change(desk, actor, chosen, everybody)


def _frame(everybody: Sequence[Colleague], now: datetime) -> pd.DataFrame:
    return pd.DataFrame({
        "Name": [each.name for each in everybody],
        "Role": [words.ROLE[each.role] for each in everybody],
        "Access": ["Left" if not each.is_active else "API only" if each.is_service else "Active" for each in everybody],
        "E-mail": ["" if _has_no_mail(each) else each.email for each in everybody],
        "Takes leads": [_takes(each, now) for each in everybody],
        "Open leads": [each.open_leads for each in everybody],
        "At most": pd.Series([each.most_open_leads for each in everybody], dtype="Int64"),
        "Last assigned": [words.ago(each.last_assigned_at, now) if each.last_assigned_at else "" for each in everybody],
    })


def _takes(each: Colleague, now: datetime) -> str:
    if not each.is_active or each.is_service or not each.takes_leads:
        return "No"
    if each.away_from is not None and (each.away_until is None or now < each.away_until):
        first = each.away_from.astimezone(words.zone())
        if now < each.away_from:
            return f"Away from {first:%-d %b}"
        return f"Away until {each.away_until.astimezone(words.zone()):%-d %b}" if each.away_until else "Away"
    return "Yes"


def _has_no_mail(each: Colleague) -> bool:
    return each.email.endswith((f"@{team.NO_MAIL}", f"@{team.ERASED}"))


# ---------------------------------------------------------------- invite


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
        _role(Role.REP, form.key)
        _zone(None, form.key)
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
    _role(Role.TEAM_LEAD, form.key)
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


# ---------------------------------------------------------------- change


@st.dialog("Colleague", width="medium", icon=":material/person:", on_dismiss=lambda: _leave(st.session_state["desk"]))
def _change(desk: Desk, actor: Actor, chosen: Colleague, everybody: Sequence[Colleague]) -> None:
    if desk.lists.get(ASKED) != chosen.id or desk.outbox:
        st.rerun()
    form: Form = desk.lists.setdefault(FORM, Form(chosen.id))
    if form.about != chosen.id:
        form = desk.lists[FORM] = Form(chosen.id)
    if form.is_outdated:
        # A dialog runs again with what the page read before.
        form.is_outdated = False
        st.rerun()
    seen: Colleague = form.first(chosen)
    if not seen.is_active:
        _left(desk, actor, seen)
        return
    with st.container(horizontal=True):
        st.text_input("Name", value=seen.name, max_chars=100, key=f"name:{form.key}")
        if not seen.is_service:
            st.text_input("E-mail", value=seen.email, max_chars=320, key=f"email:{form.key}",
                          help="The address that they sign in with")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _role(seen.role, form.key)
        if not seen.is_service:
            _zone(seen.time_zone, form.key)
    if not seen.is_service:
        taking.fields(_taking(seen), form.key)
    forms.problem(desk, form)
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Cancel", type="tertiary", key="change_cancel", on_click=_leave, args=(desk,))
        st.button("Save", type="primary", key=f"save:{form.key}", on_click=_on_change,
                  args=(desk, actor.user_id, form, form.key))
    if seen.id == actor.user_id:
        return
    names = {each.id: each.name for each in everybody if each.is_active and not each.is_service or each.id == seen.id}
    with st.expander(f"{words.plain(seen.name)} leaves", icon=":material/logout:", key=f"leaves:{form.key}"):
        people.leaving(desk, actor, names, seen.id, form.key, lambda: _leave(desk))


def _left(desk: Desk, actor: Actor, seen: Colleague) -> None:
    st.markdown(f"**{words.plain(seen.name)}** has left and cannot sign in. What they did keeps their name.")
    if seen.email.endswith(f"@{team.ERASED}"):
        st.caption("Their data was erased, so there is nobody to let in again.")
        return
    if seen.open_leads:
        st.info(f"{words.counted(seen.open_leads, 'open lead')} still {'is' if seen.open_leads == 1 else 'are'} theirs. "
                "Workload, Move leads gives them to others.", icon=":material/swap_horiz:")
    st.caption("Let in again, they have the role and the leads that they have now, and their API tokens work again.")
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Cancel", type="tertiary", key="change_cancel", on_click=_leave, args=(desk,))
        st.button("Let in again", type="primary", icon=":material/login:", key="reactivate", on_click=_on_reactivate,
                  args=(desk, actor.user_id, seen))


def _on_change(desk: Desk, user_id: uuid.UUID, form: Form, key: str) -> None:
    if form.key != key:
        return
    state, seen = st.session_state, form.seen
    profile = {"name": state[f"name:{key}"], "role": state[f"role:{key}"]}
    if not seen.is_service:
        profile |= {"email": state[f"email:{key}"], "time_zone": state[f"zone:{key}"]}
    takes = None if seen.is_service else taking.typed(_taking(seen), key)

    def work(session, actor: Actor) -> Outcome:
        now = datetime.now(UTC)
        team.change(session, actor, seen.id, profile, seen={name: getattr(seen, name) for name in PROFILE}, now=now)
        if takes is not None:
            staffing.set_taking(session, actor, seen.id, takes, seen=_taking(seen), now=now)
        return Outcome(None, [seen.id])

    if forms.save(desk, user_id, form, work, lambda outcome: f"Settings of {profile['name'].strip()} saved."):
        _leave(desk)


def _on_reactivate(desk: Desk, user_id: uuid.UUID, seen: Colleague) -> None:
    if not _leave(desk):
        return

    def work(session, actor: Actor) -> Outcome:
        leavers.come_back(session, actor, seen.id, now=datetime.now(UTC))
        return Outcome(None, [seen.id])

    desks.run(desk, user_id, work, lambda outcome: f"{seen.name} has access again.")


def _taking(each: Colleague) -> Taking:
    return Taking(each.takes_leads, each.away_from, each.away_until, each.most_open_leads)


def _role(held: Role, key: str) -> None:
    st.selectbox("Role", list(Role), index=list(Role).index(held), key=f"role:{key}", format_func=words.ROLE.get,
                 help=ROLES)


def _zone(held: str | None, key: str) -> None:
    zones = [None, *time_zones.names()]
    st.selectbox("Time zone", zones, index=zones.index(held) if held in zones else 0, key=f"zone:{key}",
                 format_func=lambda name: name or "As their browser says")


def _request(desk: Desk, kind: str) -> None:
    _leave(desk)
    desk.lists[kind] = Form()


def _leave(desk: Desk) -> bool:
    """Close whatever dialog is open; whether one was."""
    return any([desk.lists.pop(place, None) is not None for place in (ASKED, FORM, INVITING, SERVICE)])
