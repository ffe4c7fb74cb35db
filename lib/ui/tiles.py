"""The four numbers: each with its rule on hover, and a button that opens exactly the rows it counts."""

from collections.abc import Callable

import streamlit as st

from lib.auth import Actor
from lib.lists import Numbers
from lib.views import VIEWS

TILES = (("mine", "My leads"), ("ready", "Ready for outreach"), ("conversing", "In conversation"),
         ("due", "Follow-ups due"))


def draw(numbers: Numbers, actor: Actor, show: Callable[[str], None]) -> None:
    """Draw the tiles; ``show`` is the callback that opens a view by its key."""
    with st.grid(4, min_column_width=160, gap="small"):
        for view, label in TILES:
            with st.container(border=True, gap=None, key=f"tile_{view}"):
                st.metric(label, f"{getattr(numbers, view):,}", help=VIEWS[view].rule_for(actor))
                if view != "due":
                    _opens(view, "Show", show)
                else:
                    with st.container(horizontal=True, gap="small"):
                        _opens(view, "Show all", show)
                        _opens("my-due", f"{numbers.my_due:,} mine", show)


def _opens(view: str, label: str, show: Callable[[str], None]) -> None:
    st.button(label, type="tertiary", key=f"open_{view}", on_click=show, args=(view,))
