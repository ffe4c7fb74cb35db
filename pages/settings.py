"""Settings: who is on the team, what holds for the company, tokens, tags, who changed what; and what is one's own."""

from datetime import UTC, datetime

import streamlit as st

from lib.models import Role
from lib.ui import (company_settings, identity, jobs, notices, outage, own_settings, settings_history, tag_settings,
                    team_settings, token_settings)
from lib.ui import desk as desks

desk = desks.of_session()
TEAM, COMPANY, TOKENS, TAGS, HISTORY, YOU = PARTS = ("Team", "Company", "API tokens", "Tags", "History", "You")
SAYS = {
    TEAM: "Who has access, in which role, and who takes leads.", COMPANY: "What holds for everybody.",
    TOKENS: "How machines, such as N8N, sign in. A token does what its user may do.",
    TAGS: "Every tag that a lead has. A change here is made to all of its leads.",
    HISTORY: "Who changed which setting, and when.", YOU: "What is yours alone.",
}


def draw() -> None:
    actor, _ = identity.current()
    now = datetime.now(UTC)
    st.header("Settings", anchor=False)
    part = YOU
    if actor.role is Role.MANAGER:
        part = st.segmented_control("Part", PARTS, key="part", bind="query-params", default=TEAM, required=True,
                                    label_visibility="collapsed")
    notices.line(desk, actor.user_id, SAYS[part])
    match part:
        case "Team":
            team_settings.draw(desk, actor, now)
        case "Company":
            company_settings.draw(desk, actor)
        case "API tokens":
            token_settings.draw(desk, actor, now)
        case "Tags":
            tag_settings.draw(desk, actor, now)
        case "History":
            settings_history.draw(desk, actor, now)
        case _:
            own_settings.draw(desk, actor, now)


jobs.draw(desk)
with outage.handled():
    draw()
