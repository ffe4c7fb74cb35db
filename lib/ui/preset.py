"""Values that a callback chooses for widgets, put into them by the part of the page that draws them.

A callback after which another part of the page runs cannot put them there itself: Streamlit tells the browser of a
value only in the run in which it was set, and the browser would go on sending its own.
"""

from typing import Any

import streamlit as st

_CHOSEN = "preset"


def choose(**values: Any) -> None:
    """Let the widgets with these keys have these values as soon as they are drawn."""
    st.session_state[_CHOSEN] = st.session_state.get(_CHOSEN, {}) | values


def put() -> None:
    """Put in what was chosen. Called before the widgets are drawn."""
    st.session_state.update(st.session_state.pop(_CHOSEN, {}))


def value_of(key: str, default: Any = None) -> Any:
    """What a widget holds, or will hold when it is drawn."""
    chosen = st.session_state.get(_CHOSEN, {})
    return chosen[key] if key in chosen else st.session_state.get(key, default)
