"""How charts look: their colours, the bars that nearly all of them are made of, and the table behind each.

The theme is Streamlit's. Colour means a status and nothing else; whatever else is told apart is a shade of one blue.
The words beside a bar are part of the chart, so that it can be read without a mouse, and no label is cut off.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import pandas as pd
import streamlit as st

from lib.models import Status
from lib.ui import words

# The colours of the badges, in tones that can be told from a light and from a dark ground.
TONES = {"gray": "#8a94a0", "blue": "#3b8fd6", "yellow": "#e0b000", "orange": "#ee8434", "violet": "#8f68df",
         "green": "#33a35c", "red": "#dd5454"}
STATUS = {status: TONES[words.STATUS_COLOUR[status][0]] for status in Status}
BLUE, PALE = "#3d7fb0", "#b4cfe2"

NAME_WIDTH = 18
LINE, BAR = 15, 12
# What Streamlit takes off the height of a chart for itself.
PADDING = 20


@dataclass(frozen=True)
class Bar:
    """``value`` None draws no bar, but ``said`` in its place. ``key`` is what a click on the bar names."""

    label: str
    value: float | None
    said: str
    tip: str = ""
    colour: str = BLUE
    key: str = ""


def wrapped(name: str) -> str:
    """A name in lines that are short enough for an axis, all of it."""
    return "\n".join(textwrap.wrap(name, NAME_WIDTH)) or "–"


def height_of(labels: Sequence[str]) -> int:
    """Of one bar, so that the longest of the labels has room beside it."""
    return max(max((label.count("\n") + 1 for label in labels), default=1) * LINE + 6, BAR * 2)


def named_axis() -> alt.Axis:
    """An axis of such names. The first of several lines is what Vega puts beside the bar, so the lot is moved up."""
    lines = "length(split(datum.value, '\\n'))"
    up = {"condition": [{"test": f"{lines} == {count}", "value": -(count - 1) * LINE / 2} for count in range(2, 8)],
          "value": 0}
    return alt.Axis(title=None, labelOffset=up, labelLineHeight=LINE, labelExpr="split(datum.label, '\\n')", labelLimit=0,
                    labelFontSize=12, ticks=False, domain=False, labelPadding=6, labelOverlap=False)


def legend(**options: int) -> alt.Legend:
    return alt.Legend(title=None, orient="top", offset=6, padding=0, labelLimit=0, symbolType="square", **options)


def room_for(said: Sequence[str]) -> float:
    """How much longer than the longest bar an axis is, for the words behind the bar to fit on a phone too."""
    return 1 / (1 - min(0.65, max(map(len, said), default=0) * 7 / 220))


def text_colour() -> str:
    return "#e3e8ed" if st.context.theme.type == "dark" else "#1d2733"


def bars(rows: Sequence[Bar], key: str, *, is_open: bool = False) -> str | None:
    """Horizontal bars in the order of the rows. The key of the bar that was clicked, where they can be."""
    labels = [wrapped(row.label) for row in rows]
    frame = pd.DataFrame({
        "label": labels, "value": [row.value or 0.0 for row in rows], "said": [row.said for row in rows],
        "tip": [row.tip or row.said for row in rows], "colour": [row.colour for row in rows],
        "key": [row.key for row in rows], "name": [row.label for row in rows],
        "told": [f"{row.label}: {row.tip or row.said}" for row in rows]})
    longest = max(frame["value"].max(), 1e-9)
    base = alt.Chart(frame).encode(
        y=alt.Y("label:N", sort=labels, axis=named_axis()),
        x=alt.X("value:Q", axis=None,
                scale=alt.Scale(domain=[0, longest * room_for(list(frame["said"]))], nice=False)),
        tooltip=[alt.Tooltip("name:N", title=" "), alt.Tooltip("tip:N", title="  ")])
    drawn = base.mark_bar(size=BAR + 2, cornerRadiusEnd=2, **({"cursor": "pointer"} if is_open else {})).encode(
        color=alt.Color("colour:N", scale=None), description="told:N")
    if is_open:
        drawn = drawn.add_params(alt.selection_point(name="bar", fields=["key"], toggle=False))
    said = base.mark_text(align="left", dx=5, fontSize=12, color=text_colour()).encode(text="said:N")
    chart = alt.layer(drawn, said).properties(height=height_of(labels) * len(rows) + PADDING).configure_view(stroke=None)
    picked = show(chart, key, is_open=is_open)
    return picked["key"] if picked else None


def show(chart: alt.TopLevelMixin, key: str, *, is_open: bool = False) -> dict[str, str] | None:
    """Draw a chart; the fields of the bar that was clicked, told once.

    The key gets a new number with each click: on the way back to the page the browser would click again by itself.
    """
    if not is_open:
        st.altair_chart(chart, key=key, width="stretch")
        return None
    turns = st.session_state.setdefault("chart_turns", {})
    event = st.altair_chart(chart, key=f"{key}:{turns.get(key, 0)}", width="stretch", on_select="rerun",
                            selection_mode="bar")
    picked = event["selection"].get("bar") or []
    if not picked:
        return None
    turns[key] = turns.get(key, 0) + 1
    return picked[0]


def table(frame: pd.DataFrame, key: str, columns: dict | None = None) -> None:
    """The numbers of a chart, folded away below it."""
    with st.expander("Table", icon=":material/table:", key=f"{key}_fold"):
        st.dataframe(frame, hide_index=True, key=f"{key}_table", column_config=columns, width="stretch",
                     placeholder="–")


def nothing(text: str) -> None:
    """In the place of a chart that has nothing to show."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(f":material/bar_chart_off: {text}", width="content")
