"""The team: who has access, in which role, who takes leads; changing, letting go and letting in again."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from lib import db, leavers, staffing, team
from lib.auth import Actor
from lib.history import Outcome
from lib.models import Role
from lib.staffing import Taking
from lib.team import Colleague
from lib.ui import desk as desks
from lib.ui import forms, invite, people, row_buttons, taking, words
from lib.ui.desk import Desk
from lib.ui.forms import Form

# Whom a row's button was pressed for, and the form of the dialog that is open for them.
ASKED, FORM = "colleague", "colleague form"
PROFILE = ("name", "email", "role", "time_zone")


def draw(desk: Desk, actor: Actor, now: datetime) -> None:
    with db.transaction() as session:
        everybody = team.everybody(session, actor)
    with st.container(horizontal=True, key="team_buttons"):
        invite.buttons(desk)
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
    if chosen is not None:
        _change(desk, actor, chosen, everybody)
    else:
        invite.draw_if_asked(desk, actor)


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
        email = seen.email if seen.is_service else st.text_input(
            "E-mail", value=seen.email, max_chars=320, key=f"email:{form.key}", help="The address that they sign in with")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        role = invite.role(seen.role, form.key)
        if not seen.is_service:
            invite.zone(seen.time_zone, form.key)
    if not seen.is_service:
        taking.fields(_taking(seen), form.key)
    if seen.id == actor.user_id:
        _warn_oneself(seen, email, role)
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


def _warn_oneself(seen: Colleague, email: str, role: Role) -> None:
    """What a manager cannot take back alone."""
    if role is not Role.MANAGER:
        st.warning("You give up being a manager. Only another manager can make you one again.",
                   icon=":material/warning:")
    if email.strip().lower() != seen.email.lower():
        st.warning("From then on only the new address lets you in.", icon=":material/warning:")


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


def _leave(desk: Desk) -> bool:
    """Close the dialog; whether it was open."""
    return any([desk.lists.pop(place, None) is not None for place in (ASKED, FORM)])
