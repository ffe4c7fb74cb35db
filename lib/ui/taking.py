"""Whether somebody takes leads, when not, and how many: the fields that a person's dialogs have in common."""

from datetime import date, datetime, time, timedelta

import streamlit as st

from lib.staffing import Taking
from lib.ui import words


def fields(held: Taking, key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.toggle("Takes leads", value=held.takes_leads, key=f"takes:{key}",
                  help="In turn, and when leads are shared out")
        st.number_input("Most open leads", value=held.most_open_leads, step=10, key=f"most:{key}",
                        placeholder="Any number", width=160)
        st.date_input("Away from", value=_first_day(held), key=f"from:{key}", format="YYYY-MM-DD", width=150)
        st.date_input("to", value=_last_day(held), key=f"until:{key}", format="YYYY-MM-DD", width=150)


def typed(held: Taking, key: str) -> Taking:
    """What the fields hold now. Days that were left as they were keep their hour, which no field shows."""
    state = st.session_state
    first, last = state[f"from:{key}"], state[f"until:{key}"]
    return Taking(
        state[f"takes:{key}"],
        held.away_from if first == _first_day(held) else _midnight(first),
        held.away_until if last == _last_day(held) else _midnight(last and last + timedelta(days=1)),
        state[f"most:{key}"])


def _first_day(held: Taking) -> date | None:
    return held.away_from and held.away_from.astimezone(words.zone()).date()


def _last_day(held: Taking) -> date | None:
    """The last day away; the database has the moment from which they are back."""
    return held.away_until and (held.away_until - timedelta(seconds=1)).astimezone(words.zone()).date()


def _midnight(day: date | None) -> datetime | None:
    return day and datetime.combine(day, time(), words.zone())
