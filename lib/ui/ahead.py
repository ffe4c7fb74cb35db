"""What the first page would wait for, loaded before anybody asks for it."""

import gc
import threading


def load() -> threading.Thread:
    """Load pandas, Arrow and what My Queue is drawn with, in a thread of its own: meanwhile the server answers."""
    thread = threading.Thread(target=_load, name="loading ahead", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    from lib.ui import (actions, bulk_dialog, contact_form, export, gate, grid, identity, jobs, listing,  # noqa: F401
                        lost_dialog, notices, tiles, toolbar)

    # As at the start: modules stay for good, and the collector would go through all of theirs in the middle of a run.
    # What else is in use at this moment is freed as ever when nobody holds it any more, unless it holds itself.
    gc.collect()
    gc.freeze()
