"""What Streamlit and a browser tab say to each other over the websocket, without the browser."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pyarrow.ipc import open_stream
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import StringTriggerValue
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

# The id that Streamlit gives to a widget with a key of ours.
WIDGET = re.compile(r"\$\$ID-[0-9a-f]{32}-(.+)")
PATIENCE = 60


@dataclass
class Tab:
    """One tab: what it knows of the page, which bytes it sends, and what it makes of those that come.

    Like a browser, it keeps large elements and tells the server which it has, and sends all its widgets' values along
    with every click. ``received`` counts the bytes of the answer that is coming in, or came in last.
    """

    widgets: dict[str, str] = field(default_factory=dict)
    """The id of each widget that was drawn, by its key."""
    fragments: dict[str, str] = field(default_factory=dict)
    """By the key of a widget, the part of the page that it has run."""
    fragment: str = ""
    """The part of the page that refreshes itself, once there is one."""
    grid: str = ""
    """The key of the grid that was drawn last."""
    rows: dict[str, int] = field(default_factory=dict)
    """How many each grid has, and ``row_buttons`` the ids of its columns of buttons."""
    row_buttons: dict[str, dict[str, str]] = field(default_factory=dict)
    query: str = ""
    """What stands in the address behind the page."""
    received: int = 0
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    """The large elements, each with the key of the grid that it is, if it is one."""
    page: str = ""
    failed: bool = False

    def asks(self, fragment: str = "", *, clicked: str | None = None, row: tuple[str, int] | None = None,
             query: str | None = None, values: Mapping[str, Mapping[str, Any]] | None = None) -> bytes:
        """The message for a run of the page, or of a fragment: after a click on the button ``clicked``, on the one that
        the grid has in this column of this ``row``, or with new ``values``, by key: ``{"q": {"string_value": "an"}}``.
        Of these, the widget says which fragment runs."""
        self.received, self.failed = 0, False
        for key in [clicked] if clicked is not None else [self.grid] if row is not None else values or ():
            fragment = self.fragments[key]
        self.values.update(values or {})
        self.query = self.query if query is None else query
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.page_script_hash, state.fragment_id = self.query, self.page, fragment
        state.context_info.timezone, state.context_info.locale = "Europe/Berlin", "en"
        state.cached_message_hashes.extend(self.kept)
        for key, value in self.values.items():
            if key in self.widgets:
                state.widget_states.widgets.add(id=self.widgets[key], **value)
        if clicked is not None:
            state.widget_states.widgets.add(id=self.widgets[clicked], trigger_value=True)
        if row is not None:
            column, place = row
            state.widget_states.widgets.add(id=self.row_buttons[self.grid][column], string_trigger_value=StringTriggerValue(
                data=json.dumps({"row": place, "label": ""})))
        return message.SerializeToString()

    def types(self, row: int, **cells: Any) -> dict[str, dict[str, Any]]:
        """The ``values`` of the grid after these cells were edited: all that the browser has painted over it."""
        edited = json.loads(self.values[self.grid]["string_value"])["edited_rows"] if self.grid in self.values else {}
        edited[str(row)] = edited.get(str(row), {}) | cells
        return {self.grid: {"string_value": json.dumps({"edited_rows": edited, "added_rows": [], "deleted_rows": []})}}

    def hears(self, payload: bytes) -> bool:
        """Take in one message; whether the run that was asked for is over."""
        self.received += len(payload)
        message = ForwardMsg.FromString(payload)
        element = message.delta.new_element
        shown = element.WhichOneof("type")
        widget = WIDGET.fullmatch(getattr(getattr(element, shown), "id", "")) if shown else None
        if widget:
            self.widgets[widget[1]] = widget[0]
            self.fragments[widget[1]] = message.delta.fragment_id
        if widget and shown == "dataframe":
            self.grid = widget[1]
            self.rows[self.grid] = open_stream(element.dataframe.arrow_data.data).read_all().num_rows
            self.row_buttons[self.grid] = dict(element.dataframe.button_click_widgets)
        if message.metadata.cacheable and message.hash:
            self.kept[message.hash] = self.grid if widget and shown == "dataframe" else ""
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            self.grid = self.kept.get(message.ref_hash) or self.grid
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "new_session":
            self.page = message.new_session.page_script_hash or self.page
        elif kind == "auto_rerun":
            self.fragment = message.auto_rerun.fragment_id
        elif shown == "exception":
            self.failed = True
        return kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN


def address(port: int) -> str:
    return f"ws://127.0.0.1:{port}/_stcore/stream"


class Wire:
    """A tab with its connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection, self.tab = connection, Tab()

    def run(self, fragment: str = "", **asked: Any) -> int:
        """Have the page run, or one fragment of it; how many bytes the answer has."""
        self.connection.send(self.tab.asks(fragment, **asked))
        while not self.tab.hears(self.connection.recv(PATIENCE)):
            pass
        if self.tab.failed:
            raise AssertionError("The page shows an error.")
        return self.tab.received


@contextmanager
def opened(port: int, email: str = "") -> Iterator[Wire]:
    """A tab of the page that is served on this port. ``email`` is whom the proxy in front of the app would name."""
    with connect(address(port), subprotocols=["streamlit"], max_size=None, compression=None,
                 additional_headers={"X-Auth-Request-Email": email} if email else None) as connection:
        yield Wire(connection)
