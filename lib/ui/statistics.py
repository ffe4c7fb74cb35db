"""The numbers of a page of statistics: each asked by itself, kept for a minute, and missed by itself."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import streamlit as st
from sqlalchemy.orm import Session

from lib import db
from lib.auth import Actor
from lib.errors import DatabaseUnavailable
from lib.ui.desk import Desk

FRESH = timedelta(minutes=1)
PLACE = "statistics"

T = TypeVar("T")


@dataclass(frozen=True)
class _Answer:
    value: Any
    at: datetime
    is_late: bool = False


@dataclass
class Statistics:
    """What one run of a page asks. ``as_of`` is when the oldest of the numbers was counted, in UTC."""

    desk: Desk
    actor: Actor
    now: datetime
    as_of: datetime | None = None

    def ask(self, name: Hashable, question: Callable[[Session], T]) -> T | None:
        """The answer, at most a minute old; None where it does not come in time, with a sentence in its place.

        ``name`` tells the question from all others of the page, with the scope it is about. Each has a transaction of
        its own, as the one that takes too long ends its transaction. That it did is kept like an answer: otherwise
        every click would wait for it again.
        """
        kept = self._kept()
        answer = kept.get(name)
        if answer is None:
            try:
                with db.transaction() as session:
                    answer = _Answer(question(session), self.now)
            except DatabaseUnavailable:
                answer = _Answer(None, self.now, is_late=True)
            kept[name] = answer
        if answer.is_late:
            st.warning("This could not be counted in time. Choose a shorter period, or refresh the page in a while.",
                       icon=":material/hourglass_disabled:")
            return None
        self.as_of = min(self.as_of or answer.at, answer.at)
        return answer.value

    def _kept(self) -> dict[Hashable, _Answer]:
        """What this person has been told; somebody else in the same tab is told nothing of it."""
        whose = (self.actor.user_id, self.actor.company_id, self.actor.role)
        owner, kept = self.desk.lists.get(PLACE, (None, {}))
        fresh = {name: each for name, each in list(kept.items()) if self.now - each.at < FRESH} if owner == whose else {}
        self.desk.lists[PLACE] = (whose, fresh)
        return fresh


def forget(desk: Desk) -> None:
    """The callback that has everything counted anew; also for what changes the numbers."""
    desk.lists.pop(PLACE, None)
