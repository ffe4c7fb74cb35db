"""Who takes leads, and who leaves: a manager's dialogs."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import streamlit as st

from lib import db, leavers, staffing
from lib.assignment import Strategy
from lib.auth import Actor
from lib.errors import Invalid
from lib.history import Outcome
from lib.staffing import Taking
from lib.ui import desk as desks
from lib.ui import hand_out, identity, jobs, statistics, words
from lib.ui.desk import Desk
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
    form = f"{chosen}:{desk.turn}"
    held = known.get(chosen, Taking())
    zone = words.zone()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.toggle("Takes leads", value=held.takes_leads, key=f"takes:{form}")
        st.number_input("Most open leads", value=held.most_open_leads, min_value=0, max_value=1_000_000, step=10,
                        key=f"most:{form}", placeholder="Any number", width=160)
        st.date_input("Away from", value=held.away_from and held.away_from.astimezone(zone).date(), key=f"from:{form}",
                      format="YYYY-MM-DD", width=150)
        # The last day away; the database has the moment from which they are back.
        st.date_input("to", value=held.away_until and (held.away_until - timedelta(seconds=1)).astimezone(zone).date(),
                      key=f"until:{form}", format="YYYY-MM-DD", width=150)
    problem = desk.problems.get(form)
    if problem is not None:
        st.error(words.plain(str(problem)), icon=":material/error:")
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Save", key=f"save:{form}", on_click=_on_save, args=(desk, actor.user_id, chosen, people[chosen], form))
    with st.expander(f"{words.plain(people[chosen])} leaves", icon=":material/logout:", key=f"leaves:{form}"):
        _leaving(desk, actor, people, chosen, form)


def _leaving(desk: Desk, actor: Actor, people: dict[uuid.UUID, str], chosen: uuid.UUID, form: str) -> None:
    """What becomes of their leads, and the button that does it."""
    others = {None: "Choose a colleague"} | {each: name for each, name in people.items() if each != chosen}
    to = st.selectbox("Conversations and qualified leads go to", list(others), format_func=others.get, key=f"talks:{form}")
    strategy = st.segmented_control("The other open leads", list(hand_out.STRATEGIES), key=f"rest:{form}",
                                    format_func=hand_out.STRATEGIES.get, default=Strategy.LEAST_LOADED, required=True)
    try:
        with db.transaction() as session:
            made = leavers.hand_over(session, actor, chosen, conversations_to=to, strategy=strategy)
    except Invalid as error:
        st.info(words.plain(str(error)), icon=":material/forum:")
        return
    hand_out.preview(made, people)
    many = words.counted(len(made.owners), "open lead")
    st.button(f"Hand over {many} and deactivate", type="primary", key=f"leave:{form}", on_click=_on_leave,
              disabled=bool(made.left), args=(desk, actor.user_id, chosen, people[chosen], made))


def _on_leave(desk: Desk, user_id: uuid.UUID, leaver: uuid.UUID, name: str, made) -> None:
    if ASKED not in desk.lists:
        return
    _leave(desk)

    def said(outcome: Outcome) -> str:
        statistics.forget(desk)
        return f"{name} is deactivated, {words.counted(len(outcome.done), 'lead')} handed over."

    jobs.start(desk, user_id, f"Handing over the leads of {name}", len(made.owners),
               lambda session, actor, progress: leavers.leave(session, actor, leaver, made, progress=progress), said)


def _on_save(desk: Desk, user_id: uuid.UUID, chosen: uuid.UUID, name: str, form: str) -> None:
    state, zone = st.session_state, words.zone()

    def midnight(day: date | None) -> datetime | None:
        return day and datetime.combine(day, time(), zone)

    until = state[f"until:{form}"]
    wanted = Taking(state[f"takes:{form}"], midnight(state[f"from:{form}"]),
                    midnight(until and until + timedelta(days=1)), state[f"most:{form}"])

    def work(session, actor) -> Outcome:
        staffing.set_taking(session, actor, chosen, wanted)
        return Outcome(None, [chosen])

    desks.run(desk, user_id, work, lambda outcome: f"Settings of {name} saved.", form=form)


def _on_auto(desk: Desk, user_id: uuid.UUID, turn: int) -> None:
    strategy = st.session_state[f"auto:{turn}"]

    def work(session, actor) -> Outcome:
        staffing.set_auto_assign(session, actor, strategy)
        return Outcome(None, [user_id])

    desks.run(desk, user_id, work, lambda outcome: "Enriched leads are assigned " + AUTO[strategy][:1].lower()
              + AUTO[strategy][1:] + ".")


def _request(desk: Desk) -> None:
    desk.lists[ASKED] = True


def _leave(desk: Desk) -> None:
    desk.lists.pop(ASKED, None)
