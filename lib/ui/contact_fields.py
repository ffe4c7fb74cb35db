"""The fields of a contact, shared by everything that logs or corrects one.

What is picked stands outside the form, so that what follows from it is shown at once; what is typed stands inside,
where no run of the page can take it away. Every key carries the form's own, so that two forms never share a field.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st
from sqlalchemy import Row

from lib import leads
from lib.lost import MAX_NOTE, Because, implied
from lib.models import ContactOutcome, Direction, LostReason, Method, Status
from lib.outcomes import LEAVE, status_after
from lib.ui import words

FOLLOWS = "follows"
CHOICES = {FOLLOWS: "As it follows", LEAVE: "Leave as it is", **words.STATUS}
NEW: Mapping[str, Any] = {"direction": Direction.OUTBOUND, "method": Method.EMAIL, "outcome": None,
                          "status_choice": None, "notes": None, "subject": None, "occurred_at": None}


def pick(form: str, held: Sequence[str], initial: Mapping[str, Any] = NEW) -> str:
    """Direction, method, outcome and status, and the line that says what becomes of leads with the statuses ``held``.

    The direction that is picked.
    """
    direction = st.segmented_control(
        "Direction", list(Direction), format_func=words.DIRECTION.get, default=Direction(initial["direction"]),
        required=True, key=f"direction:{form}", label_visibility="collapsed")
    st.segmented_control(
        "Method", list(Method), default=Method(initial["method"]), required=True, key=f"method:{form}",
        format_func=lambda method: f"{words.METHOD_ICON[method]} {words.METHOD[method]}")
    with st.container(horizontal=True):
        outcomes = list(ContactOutcome)
        outcome = st.selectbox(
            "Outcome", outcomes, format_func=words.OUTCOME.get, key=f"outcome:{form}", placeholder="Not said",
            index=outcomes.index(ContactOutcome(initial["outcome"])) if initial["outcome"] else None)
        choice = st.selectbox(
            "Status afterwards", list(CHOICES), format_func=CHOICES.get, key=f"choice:{form}",
            index=list(CHOICES).index(initial["status_choice"] or FOLLOWS))
    contact = {"direction": direction, "outcome": outcome, "status_choice": _chosen(choice)}
    st.markdown(what_follows(held, contact))
    if loses(held, contact):
        # The key holds the outcome, so that another outcome brings its own reason.
        st.pills("Lost because", list(LostReason), format_func=words.LOST_REASON.get, default=implied(outcome).reason,
                 key=f"lost_reason:{form}:{outcome}")
    return direction


def write(form: str, initial: Mapping[str, Any] = NEW, *, held: Sequence[str] = ()) -> None:
    """Notes, subject and time, and a line for why a lead is lost if it is; to be drawn inside a form."""
    if loses(held, typed(form)):
        st.text_input("Why it is lost", key=f"lost_note:{form}", max_chars=MAX_NOTE, label_visibility="collapsed",
                      placeholder="Why it is lost, in a few words. Optional")
    st.text_area("Notes", initial["notes"] or "", key=f"notes:{form}", height=120, max_chars=20_000,
                 placeholder="What was said, and what comes next")
    with st.container(horizontal=True):
        st.text_input("Subject", initial["subject"] or "", key=f"subject:{form}", max_chars=500, placeholder="Optional")
        at = initial["occurred_at"]
        shown = at and at.astimezone(words.zone()).replace(tzinfo=None, second=0, microsecond=0)
        st.datetime_input("When", value=shown, key=f"when:{form}", step=300, format="YYYY-MM-DD",
                          help="Leave it empty for now." if at is None else None)


def typed(form: str) -> dict[str, Any]:
    """What the fields hold, by the names of ``contacts.FIELDS``; for a callback."""
    state = st.session_state
    when = state.get(f"when:{form}")
    return {
        "direction": state.get(f"direction:{form}"), "method": state.get(f"method:{form}"),
        "outcome": state.get(f"outcome:{form}"), "status_choice": _chosen(state.get(f"choice:{form}")),
        "notes": state.get(f"notes:{form}"), "subject": state.get(f"subject:{form}"),
        "occurred_at": when.replace(tzinfo=words.zone()) if when is not None and when.tzinfo is None else when,
    }


def because(form: str) -> Because:
    """Why the leads are lost, as far as the fields for it were shown; for a callback."""
    state = st.session_state
    return Because(state.get(f"lost_reason:{form}:{state.get(f'outcome:{form}')}"), state.get(f"lost_note:{form}"))


def loses(held: Sequence[str], contact: Mapping[str, Any]) -> bool:
    """Whether a contact makes any of the leads with the statuses ``held`` lost."""
    return any(status != Status.LOST and status_after(contact, status) == Status.LOST for status in held)


def what_follows(held: Sequence[str], contact: Mapping[str, Any]) -> str:
    """“Status: Enriched → Contacted”, for each status that some of the leads hold."""
    moves = Counter((Status(status), Status(status_after(contact, status))) for status in held)
    if not moves:
        return ":small[The status follows from the contact.]"
    told = []
    for (before, after), count in sorted(moves.items(), key=lambda each: -each[1]):
        move = f"stays {words.status_badge(after)}" if before == after else (
            f"{words.status_badge(before)} → {words.status_badge(after)}")
        told.append(f"{words.counted(count, 'lead')}: {move}" if len(moves) > 1 else move)
    return "Status " + " · ".join(told)


def warn_of_colleagues(touches: Sequence[Row], now: datetime) -> None:
    """Who else has been in touch with the firm: the latest of each colleague and lead, three at most."""
    latest = {}
    for touch in touches:
        latest.setdefault((touch.user_id, touch.lead_id), touch)
    if not latest:
        return
    told = [_told(touch, now) for touch in list(latest.values())[:3]]
    if len(latest) > 3:
        told.append(f"And {len(latest) - 3} more in the last two weeks.")
    st.warning("  \n".join(told), icon=":material/group:")


def people(team: Sequence[Any], user_id: uuid.UUID) -> dict[uuid.UUID, str]:
    """Who can have made a contact, oneself first."""
    return {user_id: "Me"} | {each.id: each.name for each in team if each.can_own and each.id != user_id}


def _told(touch: Row, now: datetime) -> str:
    who, lead = words.plain(touch.colleague), words.plain(leads.name_of(touch))
    by = {Method.EMAIL: "by e-mail", Method.LINKEDIN: "on LinkedIn", Method.CALL: "by phone"}.get(touch.method, "")
    did = f"**{who}** reached out to {lead}" if touch.direction == Direction.OUTBOUND else f"{lead} answered **{who}**"
    return f"{did} of {words.plain(touch.company)} {by} {words.ago(touch.occurred_at, now)}.".replace("  ", " ")


def _chosen(choice: str | None) -> str | None:
    return None if choice in (None, FOLLOWS) else str(choice)
