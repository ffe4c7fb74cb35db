"""What happens between “streamlit run app.py” and the first page, and at the end."""

import asyncio
import gc
import logging
import signal
import threading
import time
from datetime import UTC, datetime
from types import FrameType

from lib import counts, db, logs, once, postgres, sample, schema
from lib.config import settings
from lib.errors import LeadDeskError

# However often it is asked, the database is asked whether it answers no more often than this.
READINESS_SECONDS = 1.0

# Until changes are put together, each adds a row to what has to be summed up for a count.
TIDIED_EVERY_SECONDS = 5
# A run of a page makes thousands of objects and lets go of nearly all. Looked at after every 700, as is usual, they are
# taken for lasting ones while it goes on, and then everything that 200 tabs hold is gone through every few seconds.
LOOKED_AT_AFTER = 10_000
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
    gc.set_threshold(LOOKED_AT_AFTER)
    chosen = settings()
    logs.start(chosen.log_format, chosen.log_level)
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
    log.info("Lead Desk has started.")


def heed_the_signal_to_stop() -> None:
    """From SIGTERM on, say “not ready” for SHUTDOWN_DELAY seconds before the server closes its doors.

    Called once the server has put its own handlers in place, in its main thread and event loop. A second signal closes
    the doors at once.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop, close_the_doors = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)
    if not callable(close_the_doors):
        return

    def wait_a_little(number: int, frame: FrameType | None) -> None:
        delay = 0 if _is_stopping.is_set() else settings().shutdown_delay_seconds
        _is_stopping.set()
        if delay:
            # A load balancer asks every few seconds; until it has asked, it goes on sending people here.
            loop.call_soon_threadsafe(loop.call_later, delay, close_the_doors, number, None)
        else:
            close_the_doors(number, frame)

    signal.signal(signal.SIGTERM, wait_a_little)


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
        except Exception as error:
            # Whatever it was: without this thread every number takes longer to read from day to day.
            logs.report(log, error, "the housekeeping")
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
    log.info("Lead Desk is stopping.")
    try:
        seconds = settings().shutdown_timeout_seconds
        if not db.drain(seconds):
            log.warning("A transaction still ran after %d seconds and was cut off: it changed nothing.", seconds)
        db.engine().dispose()
    finally:
        if settings().is_demo:
            postgres.release(settings().data_folder)
