"""What happens between “streamlit run app.py” and the first page, and at the end."""

import gc
import logging
from datetime import UTC, datetime

from lib import db, once, postgres, sample, schema
from lib.config import settings

# Transactions still running when the process is asked to end get this long to finish.
DRAIN_SECONDS = 10

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
    with db.transaction() as session:
        once.forget_old(session, now=datetime.now(UTC))
        if chosen.is_open:
            sample.load_once(session)
    # The modules and tables loaded until here stay for good; the collector need not look through them ever again.
    gc.collect()
    gc.freeze()


def stop() -> None:
    """Let running transactions finish, then let go of the database."""
    try:
        if not db.drain(DRAIN_SECONDS):
            log.warning("A transaction was still running after %s seconds and was cut off.", DRAIN_SECONDS)
        db.engine().dispose()
    finally:
        if settings().is_demo:
            postgres.release(settings().data_folder)
