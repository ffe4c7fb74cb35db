"""What is one's own: the time zone, the API tokens, and the end of all sign-ins."""

import uuid
from datetime import UTC, datetime

import streamlit as st

from lib import db, team, time_zones
from lib.auth import Actor
from lib.history import Outcome
from lib.ui import desk as desks
from lib.ui import token_settings, words
from lib.ui.desk import Desk


def draw(desk: Desk, actor: Actor, now: datetime) -> None:
    with db.transaction() as session:
        held = team.own_time_zone(session, actor)
    zones = [None, *time_zones.names()]
    st.markdown(f"**{words.plain(actor.name)}** · {words.ROLE[actor.role]} · {words.plain(actor.company)}")
    with st.container(width=560, key="own"):
        st.selectbox("Your time zone", zones, index=zones.index(held) if held in zones else 0,
                     key=f"own_zone:{desk.turn}", format_func=lambda name: name or "As the browser says", on_change=_on_zone,
                     args=(desk, actor.user_id, f"own_zone:{desk.turn}"),
                     help="Times are shown in it, and days such as “yesterday” are its days.")
    token_settings.draw(desk, actor, now, only_mine=True)
    st.subheader("Sign out everywhere", anchor=False)
    st.caption("Ends every sign-in of yours, on this and all other devices, for instance when one was lost. API tokens "
               "stay.")
    with st.popover("Sign out everywhere", icon=":material/logout:"):
        st.markdown("You will have to sign in again on every device.")
        st.button("Sign out everywhere now", type="primary", key="sign_out_everywhere", on_click=_on_sign_out,
                  args=(desk, actor.user_id))


def _on_zone(desk: Desk, user_id: uuid.UUID, key: str) -> None:
    zone = st.session_state[key]

    def work(session, actor: Actor) -> Outcome:
        team.set_own_time_zone(session, actor, zone, now=datetime.now(UTC))
        return Outcome(None, [user_id])

    desks.run(desk, user_id, work, lambda outcome: f"Your time zone is {zone or 'the one of your browser'}.")


def _on_sign_out(desk: Desk, user_id: uuid.UUID) -> None:
    def work(session, actor: Actor) -> Outcome:
        team.sign_out_everywhere(session, actor, now=datetime.now(UTC))
        return Outcome(None, [user_id])

    desks.run(desk, user_id, work, lambda outcome: "Signed out everywhere. Earlier sign-ins no longer count.")
