"""What happens between “streamlit run app.py” and the first page, and at the end."""

import gc
import logging
import threading
import time
from datetime import UTC, datetime

from lib import counts, db, once, postgres, sample, schema
from lib.config import settings
from lib.errors import LeadDeskError

# Transactions still running when the process is asked to end get this long to finish.
DRAIN_SECONDS = 10
# However often it is asked, the database is asked whether it answers no more often than this.
READINESS_SECONDS = 1.0

# Until changes are put together, each adds a row to what has to be summed up for a count.
TIDIED_EVERY_SECONDS = 5
# Machines leave a key with every call, so these are dropped while the app runs too.
FORGOTTEN_EVERY_SECONDS = 3600

_is_stopping = threading.Event()
_readiness_lock = threading.Lock()
_readiness: tuple[float, str | None] | None = None

log = logging.getLogger(__name__)


def start() -> None:
    """Reach or start the database, bring its schema up to date, and give a demo its sample team.

    Raises CannotStart with one plain sentence.
    """
    chosen = settings()
    conninfo = postgres.ensure_running(chosen.data_folder) if chosen.is_demo else chosen.database_url
    engine = db.connect(conninfo, chosen)
    schema.upgrade(engine)
    db.use(engine)
    _is_stopping.clear()
    if chosen.is_open:
        with db.transaction() as session:
            sample.load_once(session)
    threading.Thread(target=_keep_tidy, name="housekeeping", daemon=True).start()
    # The modules and tables loaded until here stay for good; the collector need not look through them ever again.
    gc.collect()
    gc.freeze()


def _keep_tidy() -> None:
    """Put counts together every few seconds, and drop every hour what nobody asks for any more, until the end."""
    next_hour = time.monotonic()
    while True:
        try:
            with db.transaction() as session:
                counts.fold(session)
                if time.monotonic() >= next_hour:
                    once.forget_old(session, now=datetime.now(UTC))
                    next_hour += FORGOTTEN_EVERY_SECONDS
        except LeadDeskError as error:
            log.warning("Counts and old keys are tidied up another time: %s", error)
        if _is_stopping.wait(TIDIED_EVERY_SECONDS):
            return


def readiness() -> str | None:
    """Why this process should be sent no work at the moment, in one sentence; None when it can be.

    Asks the database at most once in READINESS_SECONDS, and may wait for it as long as any other transaction.
    """
    global _readiness
    if _is_stopping.is_set():
        return "Lead Desk is stopping."
    with _readiness_lock:
        if _readiness is None or time.monotonic() - _readiness[0] > READINESS_SECONDS:
            found = _why_not_ready()
            _readiness = time.monotonic(), found
        return _readiness[1]


def _why_not_ready() -> str | None:
    try:
        with db.transaction() as session:
            if schema.is_behind(session.connection()):
                return "The database is older than this Lead Desk: start it again, so that it is brought up to date."
    except LeadDeskError:
        return "The database does not answer."
    return None


def stop() -> None:
    """Let running transactions finish, then let go of the database."""
    _is_stopping.set()
    try:
        if not db.drain(DRAIN_SECONDS):
            log.warning("A transaction was still running after %s seconds and was cut off.", DRAIN_SECONDS)
        db.engine().dispose()
    finally:
        if settings().is_demo:
            postgres.release(settings().data_folder)
