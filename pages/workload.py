"""Workload: the manager's page. Who has too much, who nothing, what waits, and whether it leads to conversions."""

from datetime import UTC, datetime

import streamlit as st

from lib import attribution, auth, funnel, lists, replies, workload
from lib.ui import desk as desks
from lib.ui import hand_out, identity, jobs, notices, outage, progress, statistics, team_load, words
from lib.ui import people as people_dialog
from lib.ui.statistics import Statistics

desk = desks.of_session()


def draw() -> None:
    actor, team = identity.current()
    auth.check_manage(actor, "see the workload of the team")
    now = datetime.now(UTC)
    asks = Statistics(desk, actor, now)

    with st.container(horizontal=True, vertical_alignment="center"):
        st.header("Workload", anchor=False, width="content")
        as_of = st.container(width="content")
        st.button("Refresh", icon=":material/refresh:", type="tertiary", key="refresh", on_click=statistics.forget,
                  args=(desk,), help="Count everything anew. Otherwise numbers are up to a minute old.")
        st.space("stretch")
        with st.container(horizontal=True, width="content", key="hand_out"):
            people_dialog.button(desk)
            hand_out.buttons(desk)
    notices.line(desk, actor.user_id, "Who has how much, what waits for whom, and what comes of it.")

    loads = asks.ask("by_rep", lambda session: workload.by_rep(session, actor, now=now))
    pool = asks.ask("pool", lambda session: workload.pool(session, actor, now=now))
    numbers = asks.ask("numbers", lambda session: lists.numbers(session, actor, now=now))
    people = None if loads is None else team_load.reps(team, loads)
    team_load.tiles(actor, people, pool, numbers and numbers.due, team)
    with st.container(gap="xsmall", key="findings"):
        for finding in team_load.findings(people or [], pool or [], now):
            st.markdown(finding)

    if people is not None:
        st.subheader("Open leads of each", anchor=False, help="Leads that they own with any status but Converted and "
                     "Lost. Click on a bar to see the leads.")
        team_load.desks(people, team, lambda: asks.ask(
            "first_touches", lambda session: workload.first_touches(session, actor, now=now)))
    if pool is not None:
        team_load.unassigned(pool, team)

    st.header("How it goes", anchor=False)
    known = asks.ask("vocabulary", lambda session: lists.vocabulary(session, actor))
    asked = progress.filters(team, known["source"] if known else [])
    scope, zone = asked.scope(now), str(words.zone())

    def ask(name, question):
        return asks.ask((name, asked, zone), question)

    stages = ask("stages", lambda session: funnel.stages(session, actor, scope))
    if stages is not None:
        progress.funnel(stages)
    touches = ask("activity", lambda session: funnel.activity(session, actor, zone, scope))
    if touches is not None:
        progress.activity(touches, asked, now.astimezone(words.zone()).date())
    st.subheader("Replies", anchor=False)
    progress.replies(ask("by_channel", lambda session: replies.by_channel(session, actor, scope)),
                     ask("by_attempt", lambda session: replies.by_attempt(session, actor, scope)))
    times = ask("time_to_reply", lambda session: replies.time_to_reply(session, actor, scope))
    if times is not None:
        progress.time_to_reply(times)
    shares = ask("shares", lambda session: attribution.shares(session, actor, scope))
    if shares is not None:
        progress.attribution(shares)
    if asks.as_of is not None:
        as_of.caption(f"As of {words.time_of(asks.as_of)}")
    hand_out.draw_if_asked(desk, team)
    people_dialog.draw_if_asked(desk, team)


jobs.draw(desk)
with outage.handled():
    draw()
