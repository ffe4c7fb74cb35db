"""The write path of the pages: what a click does, exactly once, whatever happens to the script that drew the button.

Streamlit may stop a script at any ``st.*`` call and start the next one at once. So a write runs in a plain function
that touches nothing of Streamlit's, called from a widget's callback, under the session's own lock; what is to be said
about it goes into an outbox, which the next run that gets so far empties.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from dataclasses import field as stored
from datetime import UTC, datetime
from typing import Any

import streamlit as st
from sqlalchemy.orm import Session

from lib import db, leads, logs, users
from lib.auth import Actor
from lib.config import settings
from lib.errors import Conflict, LeadDeskError, NotSignedIn, OutcomeUnknown
from lib.fields import LABELS
from lib.history import Outcome
from lib.leads import Edit
from lib.lost import Because
from lib.models import Status
from lib.sign_ins import SignIn
from lib.ui import words

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Notice:
    """What is said about a command. ``batch_id`` is there when it can be undone."""

    text: str
    done: bool = True
    batch_id: uuid.UUID | None = None
    size: int = 0
    """How many leads the batch is about, as far as that is known."""
    details: Sequence[str] = ()


@dataclass(frozen=True)
class Dispute:
    """A cell that somebody else changed first; the user's own value is kept here to be applied after all."""

    conflict: Conflict
    lead: str
    is_restored: bool = False
    """Not refused, but left behind by a restart of the server before it could be saved."""


@dataclass(frozen=True)
class Loss:
    """Leads to ask the reason of: ``who`` is what to call them, ``batch_id`` the batch that a reason joins."""

    ids: Sequence[uuid.UUID]
    who: str
    batch_id: uuid.UUID | None = None
    held: Because = Because()
    key: str = stored(default_factory=lambda: uuid.uuid4().hex)


@dataclass
class Desk:
    """What one browser tab holds between runs, apart from its widgets."""

    signed_in: SignIn | None = None
    """What the tab's owner signed in with; None while nobody has, and where nobody needs to."""
    user_id: uuid.UUID | None = None
    """Who was let in when that was last asked."""
    lock: threading.RLock = stored(default_factory=threading.RLock)
    outbox: list[Notice] = stored(default_factory=list)
    disputes: list[Dispute] = stored(default_factory=list)
    saved_forms: set[str] = stored(default_factory=set)
    problems: dict[str, LeadDeskError] = stored(default_factory=dict)
    """By form key: why its last submission was not saved."""
    undone: set[uuid.UUID] = stored(default_factory=set)
    """The batches that were taken back from here."""
    asked_for: tuple[str, Any] | None = None
    """Another page or dialog that a click in a fragment asked for; the fragment's run then goes there."""
    loss: Loss | None = None
    """What the next whole run of the page asks the reason for."""
    shown: Notice | None = None
    turn: int = 0
    """How many commands there were: part of the key of a widget that has to forget what was refused."""
    lists: dict[str, Any] = stored(default_factory=dict)
    job: Any = None
    """What is being done in the background (``lib.ui.jobs.Job``), if anything."""


Work = Callable[[Session, Actor], Outcome]
Words = Callable[[Outcome], str]


def of_session() -> Desk:
    """This session's desk."""
    return st.session_state.setdefault("desk", Desk())


def run(desk: Desk, user_id: uuid.UUID, work: Work, said: Words, *, form: str | None = None,
        again_when_unknown: bool = False) -> Outcome | None:
    """Run one command in one transaction, as this user with the role they have at this moment. No Streamlit in here.

    What came of it is reported; None when it failed.

    ``said`` puts the outcome into a sentence. With ``form`` a failure is kept for that form to show, not said on the
    page. ``again_when_unknown`` is for commands with a key: the repeat finds out what became of the first try.
    """
    with desk.lock:
        try:
            try:
                outcome = attempt(desk, user_id, work)
            except OutcomeUnknown:
                if not again_when_unknown:
                    raise
                outcome = attempt(desk, user_id, work)
        except LeadDeskError as error:
            report(desk, error, said, form=form)
            return None
        report(desk, outcome, said, form=form)
        return outcome


def attempt(desk: Desk, user_id: uuid.UUID, work: Work) -> Outcome:
    """The outcome of one command in one transaction of its own. Raises what the command raises."""
    with db.transaction() as session:
        return work(session, actor_of(desk, session, user_id))


def actor_of(desk: Desk, session: Session, user_id: uuid.UUID) -> Actor:
    """Who acts, with the role they have at this moment: a callback runs before the page asks who is looking.

    Raises NotSignedIn when the tab's sign-in has come to its end, and NoAccess when the user has left.
    """
    if desk.signed_in is not None:
        desk.signed_in.check(datetime.now(UTC))
    elif not settings().is_open:
        raise NotSignedIn("Sign in to go on.")
    return users.sign_in(session, user_id, desk.signed_in)[0]


def report(desk: Desk, outcome: Outcome | LeadDeskError, said: Words, *, form: str | None = None) -> None:
    """Put what became of a command where the next run of the page finds it."""
    with desk.lock:
        desk.turn += 1
        if isinstance(outcome, LeadDeskError):
            logs.refused(log, outcome)
            if form is None:
                desk.outbox.append(Notice(str(outcome), done=False))
            else:
                desk.problems[form] = outcome
            return
        if form is not None:
            desk.problems.pop(form, None)
            desk.saved_forms.add(form)
        # One line for each way to be refused, not for each lead.
        for error in {each.error.code: each.error for each in outcome.refused}.values():
            logs.refused(log, error)
        for refusal in outcome.refused:
            if isinstance(refusal.error, Conflict):
                desk.disputes.append(Dispute(refusal.error, refusal.name))
        told = [str(each) for each in outcome.refused if not isinstance(each.error, Conflict)]
        if outcome.done:
            desk.outbox.append(Notice(said(outcome), batch_id=outcome.batch_id, size=len(outcome.done),
                                      details=told))
        elif told:
            desk.outbox.append(Notice(_nothing_done(told), done=False, details=told if len(told) > 1 else ()))


def change_cell(desk: Desk, user_id: uuid.UUID, lead_id: uuid.UUID, field: str, *, seen: Any, value: Any,
                lead: str) -> bool:
    """Change one cell of one lead, if it still holds what the user saw; whether it holds ``value`` now.

    ``lead`` is what to call the lead.
    """
    def work(session: Session, actor: Actor) -> Outcome:
        if field == "assigned_to_user_id":
            return leads.assign(session, actor, [lead_id], to=value, seen=seen)
        return leads.edit(session, actor, [Edit(lead_id, field, seen, value)])

    def said(outcome: Outcome) -> str:
        if field == "status" and value == Status.LOST:
            ask_why(desk, outcome, lead)
        return f"{LABELS[field]} of {lead} saved."

    outcome = run(desk, user_id, work, said)
    return outcome is not None and not outcome.refused


def ask_why(desk: Desk, outcome: Outcome, who: str) -> None:
    """Have the page ask why the leads that an outcome is about were lost; together with those it has not asked yet."""
    with desk.lock:
        ids, batch_id = list(outcome.done), outcome.batch_id
        if desk.loss is not None:
            ids, batch_id = list(dict.fromkeys([*desk.loss.ids, *ids])), None
        desk.loss = Loss(ids, who if len(ids) == 1 else words.counted(len(ids), "lead"), batch_id)
        desk.asked_for = desk.asked_for or ("lost", [])


def news(desk: Desk) -> Notice | None:
    """The latest thing to say. Waits for a write of this session that is still running, so that it is not missed."""
    with desk.lock:
        if desk.outbox:
            # What failed must be seen; what worked before it can still be undone from the lead's timeline.
            desk.shown = next((each for each in desk.outbox if not each.done), desk.outbox[-1])
            desk.outbox.clear()
    return desk.shown


def _nothing_done(told: Sequence[str]) -> str:
    return told[0] if len(told) == 1 else f"Nothing was changed: {words.counted(len(told), 'lead')} refused it."
