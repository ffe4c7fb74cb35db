"""API tokens: made and shown once, listed by what uses them, revoked."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd
import streamlit as st
from sqlalchemy import Row

from lib import db, team, tokens
from lib.auth import Actor
from lib.history import Outcome
from lib.models import Role
from lib.ui import desk as desks
from lib.ui import forms, row_buttons, words
from lib.ui.desk import Desk
from lib.ui.forms import Form

NEW, REVOKE = "new token", "revoke token"
SCOPES = {("read", "write"): "Read and write", ("read",): "Read only", ("write",): "Write only"}
ENDS = {None: "Never", 30: "In 30 days", 90: "In 90 days", 365: "In a year"}


@dataclass(frozen=True)
class Made:
    """A token that was just made, for as long as its dialog is open."""

    name: str
    token: str
    scopes: Sequence[str]


def draw(desk: Desk, actor: Actor, now: datetime, *, only_mine: bool = False) -> None:
    """The tokens with what can be done to them; of a manager all of the company's, unless ``only_mine``."""
    with db.transaction() as session:
        found = tokens.of_company(session, actor)
        everybody = team.everybody(session, actor) if actor.role is Role.MANAGER and not only_mine else []
    shown = [each for each in found if not only_mine or each.user_id == actor.user_id]
    if only_mine:
        st.subheader("Your API tokens", anchor=False, help="For scripts and integrations that act as you.")
    st.button("New token", type="secondary" if only_mine else "primary", icon=":material/key:", key="new_token",
              on_click=_request, args=(desk,))
    if not shown:
        st.caption("No token yet. A token lets a machine, such as N8N, call the API on somebody's behalf.")
    else:
        _table(desk, shown, now, with_user=not only_mine)
    if NEW in desk.lists:
        people = {actor.user_id: actor.name} | {
            each.id: each.name for each in everybody if each.is_active and each.is_service}
        _new(desk, actor, people)
    asked = next((each for each in shown if each.id == desk.lists.get(REVOKE)), None)
    if asked is not None:
        _revoke(desk, actor.user_id, asked)


def _table(desk: Desk, shown: Sequence[Row], now: datetime, *, with_user: bool) -> None:
    column = st.column_config
    frame = pd.DataFrame({
        "Name": [each.name for each in shown],
        "Token": [f"…{each.hint}" if each.hint else "" for each in shown],
        "Acts as": [each.user for each in shown],
        "May": [SCOPES.get(tuple(each.scopes), ", ".join(each.scopes)) for each in shown],
        "State": [_state(each, now) for each in shown],
        "Last used": [words.ago(each.last_used_at, now) if each.last_used_at else "Never" for each in shown],
        "Expires": [words.time_of(each.expires_at) if each.expires_at else "Never" for each in shown],
        "Made": [words.time_of(each.created_at) for each in shown],
    })
    if not with_user:
        del frame["Acts as"]
    row_buttons.table(
        desk, frame, [each.id for each in shown], place=REVOKE, icon=":material/block:", told="Revoke this token",
        alt="API tokens", without=[each.revoked_at is not None for each in shown], columns={
            "Name": column.TextColumn(width=180), "Token": column.TextColumn(width=80, help="Its last characters"),
            "Acts as": column.TextColumn(width=150), "May": column.TextColumn(width=120),
            "State": column.TextColumn(width=110), "Last used": column.TextColumn(width=120, help="To the minute"),
            "Expires": column.TextColumn(width=140), "Made": column.TextColumn(width=140)})


def _state(token: Row, now: datetime) -> str:
    if token.revoked_at is not None:
        return "Revoked"
    if token.expires_at is not None and token.expires_at <= now:
        return "Expired"
    return "Works" if token.user_is_active else "User has left"


# ---------------------------------------------------------------- new


@st.dialog("New token", icon=":material/key:", on_dismiss=lambda: _leave(st.session_state["desk"]))
def _new(desk: Desk, actor: Actor, people: dict[uuid.UUID, str]) -> None:
    if NEW not in desk.lists or desk.outbox:
        st.rerun()
    form: Form = desk.lists[NEW]
    if form.about is not None:
        _shown_once(desk, form.about)
        return
    st.text_input("Name", max_chars=100, key=f"name:{form.key}", placeholder="What will use it, such as N8N")
    st.selectbox("Acts as", list(people), index=list(people).index(actor.user_id), format_func=people.get,
                 key=f"user:{form.key}", help="It can do what this user may do, and what it does has their name.")
    with st.container(horizontal=True):
        st.selectbox("May", list(SCOPES), format_func=SCOPES.get, key=f"scopes:{form.key}")
        st.selectbox("Expires", list(ENDS), format_func=ENDS.get, key=f"ends:{form.key}")
    forms.problem(desk, form)
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Cancel", type="tertiary", key="token_cancel", on_click=_leave, args=(desk,))
        st.button("Make token", type="primary", key=f"save:{form.key}", on_click=_on_make,
                  args=(desk, actor.user_id, form, form.key))


def _shown_once(desk: Desk, made: Made) -> None:
    st.markdown(f":material/check_circle: The token **{words.plain(made.name)}**. Copy it now: it is shown this once "
                "and kept nowhere.")
    st.code(made.token, language=None, wrap_lines=True)
    if "read" in made.scopes:
        st.caption("To try it:")
        st.code(f"curl -H 'Authorization: Bearer {made.token}' '{forms.address_of_site()}/api/leads?limit=1'",
                language=None, wrap_lines=True)
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Done", type="primary", key="token_done", on_click=_leave, args=(desk,))


def _on_make(desk: Desk, user_id: uuid.UUID, form: Form, key: str) -> None:
    if form.key != key:
        return
    state, now = st.session_state, datetime.now(UTC)
    name, scopes, days = state[f"name:{key}"], state[f"scopes:{key}"], state[f"ends:{key}"]
    for_user, made = state[f"user:{key}"], []

    def work(session, actor: Actor) -> Outcome:
        token_id, token = tokens.create(session, actor, user_id=for_user, name=name, scopes=scopes, now=now,
                                        expires_at=now + timedelta(days=days) if days else None)
        made.append(Made(name.strip(), token, scopes))
        return Outcome(None, [token_id])

    if forms.save(desk, user_id, form, work, lambda outcome: f"The token {name.strip()} is made."):
        form.about = made[-1]


# ---------------------------------------------------------------- revoke


@st.dialog("Revoke token", icon=":material/block:", on_dismiss=lambda: _leave(st.session_state["desk"]))
def _revoke(desk: Desk, user_id: uuid.UUID, token: Row) -> None:
    if REVOKE not in desk.lists:
        st.rerun()
    st.markdown(f"**{words.plain(token.name)}** (…{words.plain(token.hint)}), which acts as {words.plain(token.user)}. "
                "Whatever uses it is refused from its next call on. This cannot be undone.")
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Cancel", type="tertiary", key="revoke_cancel", on_click=_leave, args=(desk,))
        st.button("Revoke", type="primary", key="revoke", on_click=_on_revoke, args=(desk, user_id, token))


def _on_revoke(desk: Desk, user_id: uuid.UUID, token: Row) -> None:
    if desk.lists.pop(REVOKE, None) is None:
        return

    def work(session, actor: Actor) -> Outcome:
        tokens.revoke(session, actor, token.id, now=datetime.now(UTC))
        return Outcome(None, [token.id])

    desks.run(desk, user_id, work, lambda outcome: f"The token {token.name} is revoked.")


def _request(desk: Desk) -> None:
    _leave(desk)
    desk.lists[NEW] = Form()


def _leave(desk: Desk) -> None:
    for place in (NEW, REVOKE):
        desk.lists.pop(place, None)
