"""Work that takes longer than a click: done in a thread of its own, watched and stopped from the page.

The thread touches nothing of Streamlit's and holds the session's lock only to report, so the page goes on answering
meanwhile. One job at a time for each tab. It is one transaction: stopped or broken off, it has changed nothing.
"""

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import streamlit as st
from sqlalchemy.orm import Session

from lib import logs, undo
from lib.auth import Actor
from lib.errors import DatabaseUnavailable, LeadDeskError
from lib.history import Outcome
from lib.leads import Progress
from lib.ui import desk as desks
from lib.ui import words
from lib.ui.desk import Desk, Words

# A click that is answered within this time needs no progress bar.
PATIENCE = 1.0

Work = Callable[[Session, Actor, Progress], Outcome]

log = logging.getLogger(__name__)


class Stopped(LeadDeskError):
    """The user stopped the job; raised out of ``progress`` so that the transaction is rolled back."""

    status = 409
    code = "stopped"


class Unexpected(LeadDeskError):
    """The job failed in a way that nobody foresaw."""

    status = 500
    code = "internal_error"


@dataclass
class Job:
    """``total`` and ``done`` count what the job works through, leads or rows of a file; a total of 0 is not known."""

    title: str
    total: int
    done: int = 0
    noun: str = "lead"
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    is_watched: bool = False
    form: str | None = None
    """Where a failure is told, if that is still open when it comes."""
    undoes: uuid.UUID | None = None
    """The batch that is being undone; it can be undone later when the job comes to nothing."""

    def progress(self, done: int) -> None:
        """Note that ``done`` are done so far. Raises Stopped when the user has had enough."""
        if self.stop.is_set():
            raise Stopped("Stopped. Nothing was changed.")
        self.done = done

    @property
    def is_running(self) -> bool:
        return self.thread is not None and self.thread.is_alive()


def start(desk: Desk, user_id: uuid.UUID, title: str, total: int, work: Work, said: Words, *, noun: str = "lead",
          form: str | None = None, undoes: uuid.UUID | None = None) -> None:
    """Start a job: ``work`` with the session, the actor and ``progress``, in one transaction. Called from a callback.

    Returns when the job has ended, or after PATIENCE seconds, from when on ``draw`` shows how far it is. What became
    of it is reported as for ``desk.run``.
    """
    with desk.lock:
        if desk.job is not None and desk.job.is_running:
            busy = Stopped(f"{desk.job.title} is still going on. Wait for it, or stop it.")
            desks.report(desk, busy, said, form=form)
            return
        job = desk.job = Job(title, total, noun=noun, form=form, undoes=undoes)
        job.thread = threading.Thread(target=_run, args=(desk, user_id, job, work, said), daemon=True,
                                      name=f"job of {user_id}")
        job.thread.start()
    job.thread.join(PATIENCE)


def take_back(desk: Desk, user_id: uuid.UUID, batch_id: uuid.UUID, size: int = 0) -> None:
    """Undo a batch, from the line that reported it or from a lead's timeline. ``size`` is in leads, if known."""
    def said(outcome: Outcome) -> str:
        desk.undone.add(batch_id)
        return f"Undone for {words.counted(len(outcome.done), 'lead')}."

    start(desk, user_id, "Undoing", size,
          lambda session, actor, progress: undo.undo(session, actor, batch_id, progress=progress), said, undoes=batch_id)


def draw(desk: Desk) -> None:
    """The progress bar of the running job, if there is one; the page runs anew when it has ended."""
    if desk.job is not None and desk.job.is_running:
        desk.job.is_watched = True
        _watch(desk, desk.job)


def show_new(desk: Desk) -> None:
    """Let the page run anew when a click in its fragment has started a job, so that ``draw`` can show it."""
    if desk.job is not None and desk.job.is_running and not desk.job.is_watched:
        st.rerun()


@st.fragment(run_every=0.5)
def _watch(desk: Desk, job: Job) -> None:
    if not job.is_running:
        st.rerun()
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="job"):
        share = min(job.done / job.total, 1.0) if job.total else 0.0
        so_far = f"{job.done:,} of {words.counted(job.total, job.noun)}" if job.total else words.counted(
            job.done, job.noun)
        st.progress(share, text=f"{words.plain(job.title)}: {so_far}")
        st.button("Stop", key="stop_job", icon=":material/stop:", disabled=job.stop.is_set(), on_click=job.stop.set,
                  help="Nothing will have been changed")


def leave_form(desk: Desk, form: str) -> bool:
    """Whether this form's job is still going on; from now on its end is told on the page, as the form is closed."""
    with desk.lock:
        if desk.job is None or not desk.job.is_running or desk.job.form != form:
            return False
        desk.job.form = None
        return True


def _run(desk: Desk, user_id: uuid.UUID, job: Job, work: Work, said: Words) -> None:
    try:
        outcome: Outcome | LeadDeskError = desks.attempt(
            desk, user_id, lambda session, actor: work(session, actor, job.progress))
    except LeadDeskError as error:
        outcome = error
    except Exception as error:
        # The thread's last words: without them the page would wait for an answer that never comes.
        number = logs.report(log, error, "a job")
        outcome = Unexpected("Something went wrong on our side, and nothing was changed. If it happens again tell "
                             f"your administrator the number {number}.")
    with desk.lock:
        desks.report(desk, outcome, said, form=job.form)
        if job.undoes is not None and isinstance(outcome, Stopped | DatabaseUnavailable):
            desk.outbox[-1] = replace(desk.outbox[-1], batch_id=job.undoes, size=job.total)
