"""Who takes leads, and who leaves: a manager's dialogs."""

import uuid
from collections.abc import Callable, Sequence

import streamlit as st

from lib import db, leavers, staffing
from lib.assignment import Plan, Strategy
from lib.auth import Actor
from lib.errors import Invalid
from lib.history import Outcome
from lib.staffing import Taking
from lib.ui import desk as desks
from lib.ui import forms, hand_out, identity, jobs, statistics, taking, words
from lib.ui.desk import Desk
from lib.ui.forms import Form
from lib.users import Member

ASKED = "people"
AUTO = {None: "By hand only", Strategy.ROUND_ROBIN: "In turn, as soon as they are enriched",
        Strategy.LEAST_LOADED: "To the emptiest desk, as soon as they are enriched"}


def button(desk: Desk) -> None:
    st.button("People", key="people", icon=":material/group:", help="Who takes leads, who is away, who leaves",
              on_click=_request, args=(desk,))


def draw_if_asked(desk: Desk, team: Sequence[Member]) -> None:
    """Open the dialog that was asked for, if any. Called from the page itself, never from inside a fragment."""
    if ASKED in desk.lists:
        _dialog(desk, team)


@st.dialog("People", width="medium", icon=":material/group:", on_dismiss=lambda: _leave(st.session_state["desk"]))
def _dialog(desk: Desk, team: Sequence[Member]) -> None:
    if ASKED not in desk.lists or desk.outbox:
        # The page has something to say, or the dialog is done.
        st.rerun()
    actor, _ = identity.current()
    with db.transaction() as session:
        known = staffing.taking(session, actor)
    st.selectbox("Enriched leads that nobody owns are assigned", list(AUTO), format_func=AUTO.get,
                 index=list(AUTO).index(actor.auto_assign), key=f"auto:{desk.turn}", on_change=_on_auto,
                 args=(desk, actor.user_id, desk.turn))
    people = {each.id: each.name for each in team if each.can_own}
    chosen = st.selectbox("Person", list(people), format_func=people.get, key="person")
    form: Form = desk.lists[ASKED]
    if form.about != chosen:
        form.about = chosen
        form.start_anew()
    held = form.first(known.get(chosen, Taking()))
    taking.fields(held, form.key)
    forms.problem(desk, form)
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Save", key=f"save:{form.key}", on_click=_on_save,
                  args=(desk, actor.user_id, people[chosen], form, form.key))
    with st.expander(f"{words.plain(people[chosen])} leaves", icon=":material/logout:", key=f"leaves:{form.key}"):
        leaving(desk, actor, people, chosen, form.key, lambda: desk.lists.pop(ASKED, None) is not None)


def leaving(desk: Desk, actor: Actor, people: dict[uuid.UUID, str], chosen: uuid.UUID, form: str,
            close: Callable[[], bool]) -> None:
    """What becomes of their leads, and the button that does it. ``close`` closes the dialog, unless it is closed."""
    others = {None: "Choose a colleague"} | {each: name for each, name in people.items() if each != chosen}
    to = st.selectbox("Conversations and qualified leads go to", list(others), format_func=others.get,
                      key=f"talks:{form}")
    strategy = st.segmented_control("The other open leads", list(hand_out.STRATEGIES), key=f"rest:{form}",
                                    format_func=hand_out.STRATEGIES.get, default=Strategy.LEAST_LOADED, required=True)
    try:
        with db.transaction() as session:
            made = leavers.hand_over(session, actor, chosen, conversations_to=to, strategy=strategy)
    except Invalid as error:
        st.info(words.plain(str(error)), icon=":material/forum:")
        return
    if made.owners or made.left:
        hand_out.preview(made, people)
    many = words.counted(len(made.owners), "open lead")
    st.button(f"Hand over {many} and deactivate" if made.owners else "Deactivate", type="primary", key=f"leave:{form}",
              on_click=_on_leave, disabled=bool(made.left),
              args=(desk, actor.user_id, chosen, people[chosen], made, close))


def _on_leave(desk: Desk, user_id: uuid.UUID, leaver: uuid.UUID, name: str, made: Plan,
              close: Callable[[], bool]) -> None:
    if not close():
        return

    def work(session, actor, progress) -> Outcome:
        outcome = leavers.leave(session, actor, leaver, made, progress=progress)
        # Somebody without a lead leaves no batch to undo; they are let in again under Settings.
        return outcome if outcome.done else Outcome(None, [leaver])

    def said(outcome: Outcome) -> str:
        statistics.forget(desk)
        if outcome.batch_id is None:
            return f"{name} is deactivated."
        return f"{name} is deactivated, {words.counted(len(outcome.done), 'lead')} handed over."

    jobs.start(desk, user_id, f"Handing over the leads of {name}", len(made.owners), work, said)


def _on_save(desk: Desk, user_id: uuid.UUID, name: str, form: Form, key: str) -> None:
    if form.key != key:
        return
    chosen, seen = form.about, form.seen
    wanted = taking.typed(seen, key)

    def work(session, actor) -> Outcome:
        staffing.set_taking(session, actor, chosen, wanted, seen=seen)
        return Outcome(None, [chosen])

    forms.save(desk, user_id, form, work, lambda outcome: f"Settings of {name} saved.")


def _on_auto(desk: Desk, user_id: uuid.UUID, turn: int) -> None:
    strategy = st.session_state[f"auto:{turn}"]

    def work(session, actor) -> Outcome:
        staffing.set_auto_assign(session, actor, strategy)
        return Outcome(None, [user_id])

    desks.run(desk, user_id, work, lambda outcome: "Enriched leads are assigned " + AUTO[strategy][:1].lower()
              + AUTO[strategy][1:] + ".")


def _request(desk: Desk) -> None:
    desk.lists[ASKED] = Form()


def _leave(desk: Desk) -> None:
    desk.lists.pop(ASKED, None)
