"""What the process writes to its log: a line for each thing that happened, and never whom or what it was about.

A line tells the request and the person by their ids, and an error by its type and the places in the code it passed. The
text of an exception is left out: the database puts the values of the row into it.
"""

import json
import logging
import re
import sys
import traceback
import uuid
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import psycopg

from lib.asgi import App, Receive, Scope, Send, amending
from lib.errors import LeadDeskError

# Servers and libraries that bring a handler of their own for each of their loggers. Only their warnings are of use: the
# rest is a line for each file and connection, with the address of the page, and so with what was searched for.
WITH_THEIR_OWN_HANDLERS = ("streamlit", "uvicorn", "websockets")
NOISE = {
    # Streamlit logs what stopped a script, and then asks outage.explain, which logs it with the number to ask about.
    ("streamlit.error_util", "Uncaught app execution"),
    # Alembic says these whenever it looks at the revision, which readiness does every second.
    ("alembic.runtime.migration", "Context impl %s."),
    ("alembic.runtime.migration", "Will assume %s DDL."),
}
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
# Whatever a library may put into a sentence of its own.
NOT_TOLD = (
    (re.compile(r"://[^\s@]{0,1000}@"), "://[password]@"),
    (re.compile(r"(?i)\b(?:bearer\s+\S+|ldk_\w+)"), "[token]"),
    # From where a word begins: looked for from each of its letters, one without end would take minutes.
    (re.compile(r"(?<![^\s@<>\"'=(,:/\]])[^\s@<>\"'=(,:/\]]+@[^\s@<>\"'),;]+"), "[address]"),
)

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_actor: ContextVar[tuple[uuid.UUID, uuid.UUID] | None] = ContextVar("actor", default=None)
_loggers_known = 0


def start(form: str, level: str) -> None:
    """Send everything that is logged to stderr. ``form`` is "json" or "text", ``level`` a name such as "INFO"."""
    global _loggers_known
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else Lines())
    handler.addFilter(_is_worth_a_line)
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
    logging.captureWarnings(True)
    _loggers_known = 0
    _take_over()


def begin(request_id: str | None = None) -> str:
    """A page run or a call begins here, and nobody is known yet. Returns the id that its lines have from now on."""
    _take_over()
    chosen = request_id or uuid.uuid4().hex
    _request_id.set(chosen)
    _actor.set(None)
    return chosen


def acting(user_id: uuid.UUID, company_id: uuid.UUID) -> None:
    """Name the person in every further line of this page run or call, or of a job in a thread of its own."""
    if _request_id.get() is None:
        _request_id.set(uuid.uuid4().hex)
    _actor.set((user_id, company_id))


def nobody() -> None:
    """Name nobody from here on: whoever tried to sign in was not let in."""
    _actor.set(None)


def report(log: logging.Logger, error: BaseException, where: str) -> str:
    """Log an error that nobody foresaw. Returns the number that the person is told, to ask about it."""
    number = uuid.uuid4().hex[:8]
    log.error("Unexpected error %s in %s", number, where, exc_info=error, extra={"error_id": number})
    return number


def refused(log: logging.Logger, error: LeadDeskError) -> None:
    """Log that somebody was not let in, or not at what they asked for; not what was merely typed wrong."""
    if error.status in (401, 403, 404):
        log.info("Refused: %s", error.code, extra={"code": error.code})


class RequestIds:
    """ASGI middleware: every call gets an id, its caller's where that is of a safe shape, and is told it."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        chosen = begin(given.decode("ascii") if REQUEST_ID.fullmatch(given) else None)
        await self.app(scope, receive, amending(
            send, lambda headers: [*headers, (b"x-request-id", chosen.encode("ascii"))]))


class JsonLines(logging.Formatter):
    """One JSON object a line, with only those keys that are known."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_told(record), ensure_ascii=False, default=str)


class Lines(logging.Formatter):
    """The same for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        told = _told(record)
        lines = [f"{told['time']} {told['level']:7} {told['logger']}: {told['message']}"]
        for error in told.get("errors", ()):
            lines += [f"  {error['type']} {error.get('sqlstate', '')} {error.get('constraint', '')}".rstrip(),
                      *(f"    {place}" for place in error["at"])]
        return "\n".join(lines)


def _told(record: logging.LogRecord) -> dict[str, Any]:
    told: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname,
        "logger": record.name,
        "message": _without(record.getMessage()),
    }
    if _request_id.get():
        told["request_id"] = _request_id.get()
    if _actor.get():
        told["actor_id"], told["company_id"] = map(str, _actor.get())
    told |= {name: getattr(record, name) for name in ("error_id", "code") if hasattr(record, name)}
    if record.exc_info and record.exc_info[1] is not None:
        told["errors"] = [_outline(error) for error in _chain(record.exc_info[1])]
    return told


def _without(text: str) -> str:
    for pattern, instead in NOT_TOLD:
        text = pattern.sub(instead, text)
    return text


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, the last one first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _outline(error: BaseException) -> dict[str, Any]:
    outline: dict[str, Any] = {"type": f"{type(error).__module__}.{type(error).__qualname__}"}
    if isinstance(error, psycopg.Error):
        outline |= {name: value for name, value in (("sqlstate", error.sqlstate),
                                                    ("constraint", error.diag.constraint_name)) if value}
    frames = traceback.extract_tb(error.__traceback__)
    outline["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return outline


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    return (record.name, record.msg) not in NOISE


def _take_over() -> None:
    """Let the loggers of servers and libraries write through the root. Cheap enough to look for new ones each time."""
    global _loggers_known
    known = logging.root.manager.loggerDict
    if len(known) == _loggers_known:
        return
    _loggers_known = len(known)
    for name, logger in list(known.items()):
        if isinstance(logger, logging.Logger) and name.split(".")[0] in WITH_THEIR_OWN_HANDLERS:
            logger.handlers[:] = []
            logger.propagate = True
            logger.setLevel(max(logging.WARNING, logging.root.level))
