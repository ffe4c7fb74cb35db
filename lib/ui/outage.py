"""What a visitor sees while something is broken: plain words, and a page that comes back by itself."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from lib import db, logs
from lib.errors import DatabaseUnavailable, LeadDeskError

RETRY_SECONDS = 2

log = logging.getLogger(__name__)


@contextmanager
def handled() -> Iterator[None]:
    """Draw a sentence in place of what could not be drawn. Wraps the page, and each fragment that reads by itself."""
    try:
        yield
    except DatabaseUnavailable as error:
        log.warning("%s", error)
        _wait_for_database()
    except LeadDeskError as error:
        logs.refused(log, error)
        st.error(str(error), icon=":material/block:")


def explain(error: Exception) -> bool:
    """What Streamlit calls for an error nobody expected: a number to ask about, never a traceback."""
    number = logs.report(log, error, "a page")
    st.error(f"Something went wrong on our side. Nothing you saved before is lost. Reload the page, and if it happens "
             f"again tell your administrator the number {number}.", icon=":material/error:")
    return True


@st.fragment(run_every=RETRY_SECONDS)
def _wait_for_database() -> None:
    st.warning("The database does not answer at the moment. Nothing that was saved is lost, and nothing is being "
               "saved now. Trying again every few seconds; this page comes back by itself.",
               icon=":material/sync_problem:")
    if db.is_answering():
        st.rerun()
