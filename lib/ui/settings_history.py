"""Who changed which setting, as sentences, newest first."""

from datetime import datetime
from typing import Any

import streamlit as st
from sqlalchemy import Row
from sqlalchemy.orm import Session

from lib import db, settings_log
from lib.auth import Actor
from lib.settings_log import COMPANY, LABELS, PAGE_LIMIT, TAG, TOKEN
from lib.ui import people, words
from lib.ui.desk import Desk

PAGE_SIZE = 25
SHOWN = "settings events"
ICONS = {"user": "person", COMPANY: "domain", TOKEN: "key", TAG: "sell"}


def draw(desk: Desk, actor: Actor, now: datetime) -> None:
    limit = desk.lists.get(SHOWN, PAGE_SIZE)
    with db.transaction() as session:
        events = _latest(session, actor, limit + 1)
    if not events:
        with st.container(border=True, horizontal_alignment="center", key="empty"):
            st.markdown(":material/history: Nothing was changed yet.", width="content")
        return
    for event in events[:limit]:
        with st.container(horizontal=True, vertical_alignment="top", gap="small", key=f"event{event.id}"):
            with st.container(gap=None):
                by = words.plain(event.actor) if event.actor else "The administrator, at the server"
                st.markdown(f":material/{ICONS[event.subject]}: {sentence(event)}")
                st.caption(words.told_by(by, event.at, now, event.source))
    if len(events) > limit:
        st.button("Show older", key="older", icon=":material/expand_more:", type="tertiary", on_click=_show_older,
                  args=(desk,))


def _latest(session: Session, actor: Actor, wanted: int) -> list[Row]:
    """The latest events, as many as wanted, page by page."""
    found: list[Row] = []
    while len(found) < wanted:
        page = settings_log.page(session, actor, limit=min(wanted - len(found), PAGE_LIMIT),
                                 before_id=found[-1].id if found else None)
        if not page:
            break
        found += page
    return found


def sentence(event: Row) -> str:
    """What an event did, as Markdown in which every name is plain text."""
    name = f"**{words.plain(event.subject_name or '')}**"
    before, after = event.before, event.after
    match event.subject, event.action:
        case "user", "invited":
            return f"{name} invited as {words.ROLE.get(after.get('role'), 'user')}{_mail(after)}"
        case "user", "service_added":
            return f"Service user {name} added as {words.ROLE.get(after.get('role'), 'user')}"
        case "user", "deactivated":
            return f"{name} deactivated"
        case "user", "reactivated":
            return f"{name} let in again"
        case "user", "signed_out":
            return f"{name} signed out everywhere"
        case "user", "erased":
            return "A user's personal data erased"
        case "company", "created":
            return f"Company **{words.plain(after.get('name', ''))}** set up"
        case "company", "leads_erased":
            return f"The data of {words.counted(after.get('leads', 0), 'lead')} erased"
        case "token", "created":
            return (f"Token {name} made for **{words.plain(event.for_user or '')}**: {' and '.join(after['scopes'])}"
                    + (f", until {_value('expires_at', after['expires_at'])}" if after.get("expires_at") else ""))
        case "token", "revoked":
            return f"Token {name} of **{words.plain(event.for_user or '')}** revoked"
        case "tag", action:
            return _tag(action, before, after)
    told = " · ".join(f"{LABELS.get(column, column)} {_value(column, before.get(column))} → "
                      f"**{_value(column, value)}**" for column, value in after.items()) or "changed"
    return f"Company: {told}" if event.subject == COMPANY else f"{name}: {told}"


def _tag(action: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    old, many = words.plain(before.get("name") or ""), words.counted(after.get("leads", 0), "lead")
    match action:
        case "renamed":
            return f"Tag **{old}** renamed to **{words.plain(after['name'])}** in {many}"
        case "removed":
            return f"Tag **{old}** removed from {many}"
    return f"Tag **{words.plain(after['name'])}** put back in {many}" + (f", where it was {old}" if old else "")


def _mail(after: dict[str, Any]) -> str:
    return f" with {words.plain(after['email'])}" if after.get("email") else ""


def _value(column: str, value: Any) -> str:
    """A setting's value in a sentence, as Markdown that shows just that text."""
    match column, value:
        case "auto_assign", _:
            return words.plain(people.AUTO.get(value, value))
        case "role", _:
            return words.ROLE.get(value, words.plain(value))
        case "time_zone", None:
            return "as the browser says"
        case "most_open_leads", None:
            return "any number"
        case _, None:
            return "not set"
        case _, bool():
            return "yes" if value else "no"
        case ("away_from" | "away_until" | "expires_at"), str():
            return words.time_of(datetime.fromisoformat(value))
    return words.plain(value)


def _show_older(desk: Desk) -> None:
    desk.lists[SHOWN] = desk.lists.get(SHOWN, PAGE_SIZE) + PAGE_SIZE
