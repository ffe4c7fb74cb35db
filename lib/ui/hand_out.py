"""Handing out, moving and evening out: chosen in a dialog, looked at as a plan, done as one batch with one Undo."""

import uuid
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from lib import assignment, db, hand_outs
from lib.assignment import Plan, Strategy
from lib.auth import Actor
from lib.errors import LeadDeskError
from lib.history import Outcome
from lib.lists import BULK_LIMIT
from lib.models import Status
from lib.ui import identity, jobs, statistics, words
from lib.ui.desk import Desk
from lib.users import Member
from lib.views import OPEN

ASKED = "hand out"
POOL, MOVE, EVEN = "pool", "move", "even"
TITLES = {POOL: "Hand out", MOVE: "Move leads", EVEN: "Even out"}
ICONS = {POOL: ":material/inbox:", MOVE: ":material/swap_horiz:", EVEN: ":material/balance:"}
HELP = {POOL: "Give unassigned leads to the team", MOVE: "Move somebody's leads to others",
        EVEN: "Move leads from full desks to emptier ones"}
STRATEGIES = {Strategy.ROUND_ROBIN: "In turn", Strategy.LEAST_LOADED: "To the emptiest desk"}
NO_CONVERSATION = "quiet"
WHICH = {"open": "All open", NO_CONVERSATION: "All but conversations"} | {status: words.STATUS[status] for status in OPEN}


def buttons(desk: Desk) -> None:
    """What can be asked for, side by side."""
    for kind, title in TITLES.items():
        st.button(title, key=f"hand_out_{kind}", icon=ICONS[kind], help=HELP[kind], on_click=request, args=(desk, kind),
                  type="primary" if kind == POOL else "secondary")


def request(desk: Desk, kind: str, owner: uuid.UUID | None = None) -> None:
    """The callback that asks for the dialog; ``owner`` is whose leads are to be moved."""
    desk.lists[ASKED] = (kind, owner, desk.turn)


def draw_if_asked(desk: Desk, team: Sequence[Member]) -> None:
    """Open the dialog that was asked for, if any. Called from the page itself, never from inside a fragment."""
    if ASKED in desk.lists:
        kind, owner, turn = desk.lists[ASKED]
        _DIALOGS[kind](desk, team, owner, turn)


def _dialog(kind: str):
    @st.dialog(TITLES[kind], width="medium", icon=ICONS[kind], on_dismiss=lambda: _leave(st.session_state["desk"]))
    def draw(desk: Desk, team: Sequence[Member], owner: uuid.UUID | None, turn: int) -> None:
        if ASKED not in desk.lists:
            st.rerun()
        actor, _ = identity.current()
        try:
            made = _choose(kind, actor, team, owner, turn)
        except LeadDeskError as error:
            st.error(words.plain(str(error)), icon=":material/error:")
            return
        preview(made, {each.id: each.name for each in team})
        with st.container(horizontal=True, horizontal_alignment="right"):
            st.button("Cancel", type="tertiary", key=f"hand_out_cancel:{turn}", on_click=_leave, args=(desk,))
            many = words.counted(len(made.owners), "lead")
            st.button(f"Assign {many}", type="primary", key=f"hand_out_do:{turn}", disabled=not made.owners,
                      on_click=_do, args=(desk, actor.user_id, made))
    return draw


def _choose(kind: str, actor: Actor, team: Sequence[Member], owner: uuid.UUID | None, turn: int) -> Plan:
    """What is asked for, as a plan made from the leads as they are now."""
    people = {each.id: each.name for each in team if each.can_own}
    # Also those who have left, as long as they have leads.
    everybody = words.owner_names(team, {each.id for each in team if not each.is_service})
    if kind == EVEN:
        st.caption("Leads that are new, enriched or contacted move, those of the lowest score first. Conversations and "
                   "qualified leads stay with whom they are.")
        with db.transaction() as session:
            return hand_outs.evened_out(session, actor)
    with st.container(horizontal=True):
        if kind == MOVE:
            ids = list(everybody)
            owner = st.selectbox("From", ids, index=ids.index(owner) if owner in everybody else 0, key=f"from:{turn}",
                                 format_func=everybody.get)
            chosen = st.selectbox("Which", list(WHICH), format_func=WHICH.get, key=f"which:{turn}")
            statuses = {"open": OPEN, NO_CONVERSATION: hand_outs.NOT_IN_CONVERSATION}.get(chosen, (chosen,))
        else:
            statuses = st.multiselect("Status", list(OPEN), default=[Status.ENRICHED], format_func=words.STATUS.get,
                                      key=f"statuses:{turn}", placeholder="Any open one") or OPEN
        # Without limits: the browser would keep a number beyond them to itself, and all would be handed out.
        count = st.number_input("How many", value=None, step=1, width=140, key=f"count:{turn}", placeholder="All")
    to = st.multiselect("To", list(people), format_func=people.get, key=f"to:{turn}",
                        placeholder="All reps who take leads")
    strategy = st.segmented_control("How", list(STRATEGIES), format_func=STRATEGIES.get, required=True,
                                    default=Strategy.ROUND_ROBIN if kind == POOL else Strategy.LEAST_LOADED,
                                    key=f"strategy:{turn}")
    asked = {"statuses": tuple(statuses), "count": BULK_LIMIT if count is None else count, "to": to or None, "strategy": strategy}
    with db.transaction() as session:
        return (hand_outs.from_pool(session, actor, **asked) if kind == POOL else
                hand_outs.from_owner(session, actor, owner, **asked))


def preview(made: Plan, names: dict[uuid.UUID, str]) -> None:
    """Who gets how many, whose turn is next, and who gets none and why."""
    if not made.owners:
        if made.left and not made.candidates:
            st.warning("Nobody can take leads now.", icon=":material/person_off:")
        elif not made.left:
            st.info("The load is even already." if made.reason else "There are no such leads.",
                    icon=":material/check_circle:")
    else:
        loads = {each.user_id: each.open_leads for each in made.candidates}
        shown = [(names.get(user_id, ""), loads.get(user_id), share) for user_id, share in made.shares.items() if share]
        frame = pd.DataFrame(shown, columns=["Name", "Open leads now", "Gets"]).dropna(axis="columns", how="all")
        number = st.column_config.NumberColumn(format="localized", width=130)
        st.dataframe(frame, hide_index=True, height=min(36 + 35 * len(shown), 330) + 2, row_height=35,
                     column_config={"Open leads now": number, "Gets": number})
        if made.strategy is Strategy.ROUND_ROBIN and made.candidates:
            st.caption(f"Next in turn: {words.plain(made.candidates[0].name)}")
    if made.left and made.candidates:
        st.caption(f"{words.counted(len(made.left), 'lead')} left over: nobody has room for more.")
    if made.skipped:
        st.caption("Passed over: " + words.plain("; ".join(f"{each.name} {each.reason}" for each in made.skipped)))


def _do(desk: Desk, user_id: uuid.UUID, made: Plan) -> None:
    if ASKED not in desk.lists:
        return
    _leave(desk)
    people = sum(1 for share in made.shares.values() if share)

    def said(outcome: Outcome) -> str:
        statistics.forget(desk)
        to = f"{people} colleagues" if people > 1 else "one colleague"
        return f"{words.counted(len(outcome.done), 'lead')} assigned to {to}."

    jobs.start(desk, user_id, "Assigning", len(made.owners),
               lambda session, actor, progress: assignment.carry_out(session, actor, made, progress=progress), said)


def _leave(desk: Desk) -> None:
    desk.lists.pop(ASKED, None)


_DIALOGS = {kind: _dialog(kind) for kind in TITLES}
