"""Several callers at the same moment, each in a thread and a transaction of its own."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy.orm import Session

from lib import db
from lib.errors import LeadDeskError

PATIENCE = 30


def at_once(*acts: Callable[[Session], Any]) -> list[Any]:
    """Start every act together; what each returned, or the refusal that it raised."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[Session], Any]) -> Any:
        start.wait(PATIENCE)
        try:
            with db.transaction() as session:
                return act(session)
        except LeadDeskError as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts, timeout=PATIENCE))


def until_somebody_waits_for(session: Session) -> None:
    """Until another connection waits for a lock that this session holds."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if session.connection().exec_driver_sql(
                "SELECT 1 FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))").first():
            return
        time.sleep(0.01)
    raise AssertionError("nobody waited")
