"""The company's tags: how many leads have each, and one of them renamed, merged into another or removed."""

import uuid
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from lib import tags
from lib.auth import Actor
from lib.fields import MAX_TAG
from lib.history import Outcome
from lib.tags import Tag
from lib.ui import jobs, row_buttons, words
from lib.ui.desk import Desk
from lib.ui.statistics import Statistics

ASKED = "tag"


def draw(desk: Desk, actor: Actor, now: datetime) -> None:
    # Counted anew after every command, as that may have been one on tags, or its Undo.
    known = Statistics(desk, actor, now).ask(("tags", desk.turn), lambda session: tags.counts(session, actor))
    if known is None:
        return
    if not known:
        with st.container(border=True, horizontal_alignment="center", key="empty"):
            st.markdown(":material/sell: No lead has a tag yet. Tags are given in the list of leads and by imports.",
                        width="content")
        return
    with st.container(width=560, key="tags"):
        number = st.column_config.NumberColumn("Leads", format="localized", width=90)
        row_buttons.table(
            desk, pd.DataFrame({"Tag": [each.name for each in known], "Leads": [each.leads for each in known]}), known,
            place=ASKED, icon=":material/edit:", told="Rename or remove this tag", alt="Tags",
            columns={"Tag": st.column_config.TextColumn(width=320), "Leads": number})
        if len(known) == tags.LISTED:
            st.caption(f"The {tags.LISTED} tags that most leads have. Rarer ones are found in All leads.")
    if ASKED in desk.lists:
        _dialog(desk, actor.user_id, desk.lists[ASKED], [each.name for each in known])


@st.dialog("Tag", icon=":material/sell:", on_dismiss=lambda: _leave(st.session_state["desk"]))
def _dialog(desk: Desk, user_id: uuid.UUID, tag: Tag, known: list[str]) -> None:
    if ASKED not in desk.lists:
        st.rerun()
    many = words.counted(tag.leads, "lead")
    st.markdown(f"**{words.plain(tag.name)}** · {many}")
    typed = st.text_input("New name", value=tag.name, max_chars=MAX_TAG, live=True,
                          key=f"rename:{tag.name}:{desk.turn}") or ""
    to = typed.strip()
    is_other = bool(to) and to != tag.name
    if is_other and to in known:
        st.info(f"There is a tag {words.plain(to)} already: the two become one, and Undo takes them apart again.",
                icon=":material/merge:")
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(f"Remove from {many}", type="tertiary", icon=":material/delete:", key="tag_remove",
                  on_click=_on_remove, args=(desk, user_id, tag))
        st.button(f"{'Merge' if to in known else 'Rename'} in {many}" if is_other else "Rename", type="primary",
                  key="tag_rename", disabled=not is_other, on_click=_on_rename, args=(desk, user_id, tag, to))


def _on_rename(desk: Desk, user_id: uuid.UUID, tag: Tag, to: str) -> None:
    if desk.lists.pop(ASKED, None) is None:
        return
    jobs.start(desk, user_id, f"Renaming the tag {tag.name}", tag.leads,
               lambda session, actor, progress: tags.rename(session, actor, tag.name, to, progress=progress,
                                                            now=datetime.now(UTC)),
               lambda outcome: f"The tag {tag.name} is {to} now, in {_leads(outcome)}.")


def _on_remove(desk: Desk, user_id: uuid.UUID, tag: Tag) -> None:
    if desk.lists.pop(ASKED, None) is None:
        return
    jobs.start(desk, user_id, f"Removing the tag {tag.name}", tag.leads,
               lambda session, actor, progress: tags.remove(session, actor, tag.name, progress=progress,
                                                            now=datetime.now(UTC)),
               lambda outcome: f"The tag {tag.name} was removed from {_leads(outcome)}.")


def _leads(outcome: Outcome) -> str:
    return words.counted(len(outcome.done), "lead")


def _leave(desk: Desk) -> None:
    desk.lists.pop(ASKED, None)
