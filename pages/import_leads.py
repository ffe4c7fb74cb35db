"""Import leads from a file: choose it, say what its columns are, check, import, undo."""

import streamlit as st

from lib import columns
from lib.errors import Invalid
from lib.ui import identity, importing, jobs, notices, outage, words
from lib.ui import desk as desks

desk = desks.of_session()


def import_page() -> None:
    actor, team = identity.current()
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="head"):
        st.header("Import leads", anchor=False, width="content")
        notices.line(desk, actor.user_id, "Nothing is stored before you have seen what will be.")
    jobs.draw(desk)
    draft = importing.of_desk(desk)
    if draft is not None and draft.result is not None:
        importing.result(desk, draft)
        return
    importing.choose_file(desk, actor.user_id)
    draft = importing.of_desk(desk)
    if draft is None or draft.table is None:
        return

    st.subheader("Columns", anchor=False)
    st.caption(f"{words.counted(draft.table.count, 'row')}. Choose what each column is; what is left out is not read.")
    chosen = importing.choose_columns(draft)
    try:
        columns.check(chosen, draft.table.header)
    except Invalid as error:
        st.warning(words.plain(str(error)), icon=":material/warning:")
        return
    st.caption("The first rows, as they would be stored:")
    importing.preview(draft, chosen)

    st.subheader("Leads", anchor=False)
    plan = importing.choose_plan(draft, chosen, actor, team)
    importing.act(desk, actor.user_id, draft, plan)


with outage.handled():
    import_page()
