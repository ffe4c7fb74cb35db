"""An action on all leads that match: asked about by name and number first, then done as one batch with one Undo."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import streamlit as st
from sqlalchemy.orm import Session

from lib import db, lists
from lib.auth import Actor
from lib.history import Outcome
from lib.leads import Progress
from lib.lists import BULK_LIMIT
from lib.ui import contact_form, identity, jobs, words
from lib.ui.desk import Desk, Words
from lib.ui.listing import Wanted

ASKED = "bulk"


@dataclass(frozen=True)
class Bulk:
    """An action: its name for so many leads (“Assign 12 leads to Bob”), what it does, and what is said of it after."""

    name: Callable[[str], str]
    work: Callable[[Session, Actor, Sequence[uuid.UUID], Progress], Outcome]
    said: Words


@dataclass
class Asked:
    """``what`` is None for logging a contact, which has a dialog of its own. ``ids`` are found when it is opened."""

    what: Bulk | None
    wanted: Wanted
    ids: list[uuid.UUID] | None = field(default=None)


def request(desk: Desk, what: Bulk | None, wanted: Wanted) -> None:
    """The callback that asks for the dialog; the page's next whole run opens it."""
    desk.lists[ASKED] = Asked(what, wanted)
    desk.asked_for = (ASKED, [])


def draw_if_asked(desk: Desk) -> None:
    """Open the dialog that was asked for, if any. Called from the page itself, never from inside a fragment."""
    asked: Asked | None = desk.lists.get(ASKED)
    if asked is None:
        return
    actor, _ = identity.current()
    if asked.ids is None:
        # What is confirmed is what is done, also when more leads come to match in between.
        with db.transaction() as session:
            asked.ids = lists.matching(session, actor, asked.wanted.filter_at(actor, datetime.now(UTC)))
    if asked.what is None and 0 < len(asked.ids) <= BULK_LIMIT:
        _leave(desk)
        contact_form.request(desk, asked.ids)
        contact_form.go_where_asked(desk)
    _dialog(desk, actor.user_id, asked)


@st.dialog("All leads that match", icon=":material/done_all:", on_dismiss=lambda: _leave(st.session_state["desk"]))
def _dialog(desk: Desk, user_id: uuid.UUID, asked: Asked) -> None:
    if desk.lists.get(ASKED) is not asked:
        st.rerun()
    ids = asked.ids or []
    if len(ids) > BULK_LIMIT:
        st.markdown(f"More than {BULK_LIMIT:,} leads match. Narrow the filters down first; one action takes at most "
                    f"{BULK_LIMIT:,}.")
    elif not ids:
        st.markdown("No lead matches any more.")
    else:
        st.markdown(f"**{words.plain(asked.what.name(words.counted(len(ids), 'lead')))}?**")
        st.caption("Leads that you may not change are left as they are and named. One Undo takes all of it back.")
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Cancel", type="tertiary", key="bulk_cancel", on_click=_leave, args=(desk,))
        if 0 < len(ids) <= BULK_LIMIT:
            st.button(words.plain(asked.what.name(words.counted(len(ids), "lead"))[:80]), type="primary", key="bulk_do",
                      on_click=_do, args=(desk, user_id, asked))


def _do(desk: Desk, user_id: uuid.UUID, asked: Asked) -> None:
    if desk.lists.get(ASKED) is not asked:
        return
    _leave(desk)
    what, ids = asked.what, asked.ids
    jobs.start(desk, user_id, what.name(words.counted(len(ids), "lead")), len(ids),
               lambda session, actor, progress: what.work(session, actor, ids, progress), what.said)


def _leave(desk: Desk) -> None:
    desk.lists.pop(ASKED, None)
