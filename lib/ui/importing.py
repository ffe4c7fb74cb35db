"""The steps of an import: the file, its columns, what to do with leads that are there, the check, the result.

What a tab knows of its import is a ``Draft`` on its desk. Reading, checking and importing are jobs, as a file can be
long; the page draws whatever the draft holds by then.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import streamlit as st

from lib import columns, imports, spreadsheets
from lib.auth import Actor
from lib.errors import Invalid
from lib.fields import LABELS
from lib.history import Outcome
from lib.imports import Duplicates, Plan
from lib.report import Fate, Report
from lib.spreadsheets import Table
from lib.ui import identity, jobs, words
from lib.ui.desk import Desk
from lib.users import Member

DRAFT = "import"
FORM = "import"
PREVIEWED = 5
LEAVE_OUT = ""
CHOICES = {Duplicates.SKIP: "Skip it", Duplicates.FILL: "Fill what is empty", Duplicates.OVERWRITE: "Overwrite"}
EFFECTS = {
    Duplicates.SKIP: "Leads that are there already stay as they are.",
    Duplicates.FILL: "Leads that are there already get what they lack; nothing they have changes.",
    Duplicates.OVERWRITE: "Leads that are there already get what the file has; empty cells erase nothing.",
}


@dataclass
class Draft:
    """``checked`` and ``result`` are there once the check and the import are through; ``plan`` is what was checked."""

    upload: str
    table: Table | None = None
    plan: Plan | None = None
    checked: Report | None = None
    result: Report | None = None
    batch_id: uuid.UUID | None = None
    key: str = field(default_factory=lambda: uuid.uuid4().hex[:8])


def of_desk(desk: Desk) -> Draft | None:
    return desk.lists.get(DRAFT)


def choose_file(desk: Desk, user_id: uuid.UUID) -> None:
    """The first step. A file that has been chosen is read at once."""
    turn = desk.lists.setdefault("import turn", 0)
    upload = st.file_uploader("CSV or Excel file", type=["csv", "tsv", "txt", "xlsx", "xls"], key=f"file:{turn}",
                              help=f"With headings in its first row; at most {spreadsheets.MAX_ROWS:,} rows.")
    draft = of_desk(desk)
    if upload is None:
        if draft is not None and draft.result is None:
            _forget(desk)
    elif (draft is None or draft.upload != upload.file_id) and not (desk.job and desk.job.is_running):
        _forget(desk)
        draft = desk.lists[DRAFT] = Draft(upload.file_id)
        _read(desk, user_id, draft, upload)
        if desk.job.is_running:
            # Its progress bar stands further up.
            st.rerun()
    problem = desk.problems.get(FORM)
    if problem is not None:
        st.error(words.plain(str(problem)), icon=":material/error:")


def choose_columns(draft: Draft) -> dict[int, str]:
    """The second step: each column of the file with a menu of fields, guessed from its heading."""
    header, guessed = draft.table.header, columns.guess(draft.table.header)
    chosen = {}
    with st.grid(4, min_column_width=220, gap="small", key="columns"):
        for index, heading in enumerate(header):
            options = [LEAVE_OUT, *columns.FIELDS]
            examples = [cells[index] for _, cells in draft.table.first if cells[index]][:3]
            field_ = st.selectbox(
                words.plain(heading), options, index=options.index(guessed.get(index, LEAVE_OUT)),
                format_func=lambda name: columns.FIELDS.get(name, "Leave out"), key=f"column:{draft.key}:{index}",
                help=words.plain("For example: " + " · ".join(each[:60] for each in examples)) if examples else None)
            if field_:
                chosen[index] = field_
    return chosen


def preview(draft: Draft, chosen: dict[int, str]) -> None:
    """The first rows as they would be stored, or what is wrong with them."""
    lines = []
    for number, cells in draft.table.first[:PREVIEWED]:
        try:
            values = columns.cleaned(cells, chosen)
            problem = ""
        except Invalid as error:
            values, problem = {}, " ".join(error.fields.values())
        lines.append({"Row": number} | {LABELS[name]: _text(value) for name, value in values.items()}
                     | ({"Problem": problem} if problem else {}))
    order = ["Row", "Problem", *columns.FIELDS.values()]
    frame = pd.DataFrame(lines)
    st.dataframe(frame[sorted(frame.columns, key=order.index)].fillna("").astype({"Row": str}), hide_index=True,
                 alt="The first rows as leads", height="content")


def choose_plan(draft: Draft, chosen: dict[int, str], actor: Actor, team: Sequence[Member]) -> Plan:
    """The third step: what happens with leads that are there, and what new ones get besides."""
    duplicates = st.segmented_control(
        "When a lead is there already, by e-mail or LinkedIn address, in your company or further up in the file",
        list(CHOICES), format_func=CHOICES.get, default=Duplicates.SKIP, required=True,
        key=f"duplicates:{draft.key}")
    st.caption(EFFECTS[duplicates])
    owners = {str(each.id): each.name for each in team if each.can_own
              and (each.id == actor.user_id or actor.role != "rep")}
    with st.grid(3, min_column_width=220, gap="small", key="new_leads"):
        source = st.text_input("Source of new leads", value=f"import: {draft.table.name}"[:200], max_chars=200,
                               key=f"source:{draft.key}")
        workflow = st.text_input("Source workflow", max_chars=200, key=f"workflow:{draft.key}", placeholder="Optional")
        owner = st.selectbox("New leads are assigned to", ["", *owners], key=f"owner:{draft.key}",
                             format_func=lambda key: owners.get(key, "Nobody"))
    return Plan(columns=chosen, duplicates=duplicates, source=source, source_workflow=workflow,
                owner=uuid.UUID(owner) if owner else None)


def act(desk: Desk, user_id: uuid.UUID, draft: Draft, plan: Plan) -> None:
    """The last step: check, and then import what was checked. Another choice above asks for another check."""
    count = draft.table.count
    checked = draft.checked if draft.plan == plan else None
    busy = desk.job is not None and desk.job.is_running
    if checked is None:
        st.button(f"Check {words.counted(count, 'row')}", type="primary", icon=":material/fact_check:", key="check",
                  disabled=busy, on_click=_check, args=(desk, user_id, draft, plan),
                  help="Nothing is stored yet")
        return
    _summary(checked)
    coming = checked.counts[Fate.ADDED] + checked.counts[Fate.UPDATED]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(f"Import {words.counted(coming, 'row')}", type="primary", icon=":material/upload:", key="import",
                  disabled=busy or not coming, on_click=_import, args=(desk, user_id, draft, plan))
        _download(checked, "What each row would become", draft, "check")
    problems(checked)


def result(desk: Desk, draft: Draft) -> None:
    """What the import has done, and its Undo, which stays here when the line above has other news."""
    _summary(draft.result, done=True)
    if draft.batch_id in desk.undone:
        st.caption("It has been taken back since.")
    with st.container(horizontal=True, vertical_alignment="center"):
        _download(draft.result, "Report for each row", draft, "report")
        if draft.batch_id is not None and draft.batch_id not in desk.undone:
            st.button("Undo this import", icon=":material/undo:", key="undo_import", on_click=jobs.take_back,
                      args=(desk, identity.current_user_id(), draft.batch_id, draft.result.total))
        st.button("Import another file", icon=":material/upload_file:", key="another", on_click=_another, args=(desk,))
    problems(draft.result)


def problems(report: Report) -> None:
    if not report.refused:
        return
    st.subheader("Rows that are left out", anchor=False)
    frame = pd.DataFrame([(str(number), name, reason) for number, name, reason in report.refused],
                         columns=["Row", "Name", "Reason"])
    if not frame["Name"].any():
        frame = frame.drop(columns="Name")
    st.dataframe(frame, hide_index=True, alt="Rows that are left out",
                 column_config={"Row": st.column_config.TextColumn(width=70),
                                "Name": st.column_config.TextColumn(width=180),
                                "Reason": st.column_config.TextColumn(width=700)})
    if report.counts[Fate.REFUSED] > len(report.refused):
        st.caption(f"The first {len(report.refused):,} of {report.counts[Fate.REFUSED]:,}; the file has them all.")


def _summary(report: Report, done: bool = False) -> None:
    """“1,204 rows: 1,180 new, 20 already there, 4 cannot be imported.”"""
    counts = report.counts
    parts = [(counts[Fate.ADDED], "added" if done else "new"),
             (counts[Fate.UPDATED], "filled or changed" if done else "already there, to be filled or changed"),
             (counts[Fate.SKIPPED] + counts[Fate.UNCHANGED], "already there and left as they are"),
             (counts[Fate.REFUSED], "left out" if done else "cannot be imported and will be left out")]
    told = ", ".join(f"**{number:,}** {what}" for number, what in parts if number)
    icon = ":material/check_circle:" if done else ":material/fact_check:"
    st.markdown(f"{icon} {words.counted(report.total, 'row')}: {told}.")


def _download(report: Report, label: str, draft: Draft, kind: str) -> None:
    report.file.seek(0)
    stem = draft.table.name.rsplit(".", 1)[0]
    st.download_button(label, lambda: _whole(report), file_name=f"{stem} {kind}.csv", mime="text/csv", key=f"download:{kind}",
                       icon=":material/download:", on_click="ignore")


def _whole(report: Report) -> bytes:
    report.file.seek(0)
    return report.file.read()


def _read(desk: Desk, user_id: uuid.UUID, draft: Draft, upload: Any) -> None:
    def work(session, actor, progress) -> Outcome:
        draft.table = spreadsheets.read(upload, upload.name, progress)
        return Outcome(uuid.uuid4())

    jobs.start(desk, user_id, f"Reading {upload.name}", 0, work, lambda _: "", noun="row", form=FORM)


def _check(desk: Desk, user_id: uuid.UUID, draft: Draft, plan: Plan) -> None:
    def work(session, actor, progress) -> Outcome:
        draft.checked, draft.plan = imports.check(session, actor, draft.table, plan, progress=progress), plan
        return Outcome(uuid.uuid4())

    jobs.start(desk, user_id, "Checking", draft.table.count, work, lambda _: "", noun="row", form=FORM)


def _import(desk: Desk, user_id: uuid.UUID, draft: Draft, plan: Plan) -> None:
    found: list[Report] = []

    def work(session, actor, progress) -> Outcome:
        outcome, report = imports.run(session, actor, draft.table, plan, progress=progress)
        found.append(report)
        return outcome

    def said(outcome: Outcome) -> str:
        # Only now is it certain that the import is kept.
        draft.result, draft.batch_id = found[-1], outcome.batch_id
        return f"{words.counted(len(outcome.done), 'lead')} imported from {draft.table.name}."

    jobs.start(desk, user_id, f"Importing {draft.table.name}", draft.table.count, work, said, noun="row", form=FORM)


def _another(desk: Desk) -> None:
    _forget(desk)
    desk.lists["import turn"] += 1


def _forget(desk: Desk) -> None:
    desk.lists.pop(DRAFT, None)
    desk.problems.pop(FORM, None)
    desk.saved_forms.discard(FORM)


def _text(value: Any) -> str:
    return "; ".join(value) if isinstance(value, list) else str(value)
