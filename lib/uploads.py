"""Which pages may send files: those of people who were let in.

Streamlit takes files from every page that is open, also from one that only asks to sign in, and keeps them in memory.
"""

from typing import Any
from weakref import WeakValueDictionary

# By the ids of Streamlit's sessions, for as long as what a tab holds is there.
_let_in: WeakValueDictionary[str, Any] = WeakValueDictionary()


def allow(session_id: str, holder: Any) -> None:
    """Take files from this page, until ``holder`` is gone."""
    _let_in[session_id] = holder


def refuse(session_id: str) -> None:
    """Take none from it any more."""
    _let_in.pop(session_id, None)


def is_allowed(session_id: str) -> bool:
    return session_id in _let_in
