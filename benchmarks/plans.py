"""The statements that a call sends, and the plans that PostgreSQL makes for them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from psycopg import sql
from sqlalchemy import Connection, Engine, event


class Statement(NamedTuple):
    text: str
    parameters: Any
    is_prepared: bool = True
    """Whether it may end up with one plan for any values."""


@contextmanager
def recorded(bind: Engine | Connection) -> Iterator[list[Statement]]:
    """What is sent through ``bind`` meanwhile: each statement with its parameters (those of the first row of many)."""
    sent: list[Statement] = []

    def note(_connection, _cursor, statement, parameters, context, executemany) -> None:
        sent.append(Statement(statement, parameters[0] if executemany else parameters,
                              not context.execution_options.get("plan_anew")))

    event.listen(bind, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(bind, "before_cursor_execute", note)


def explain(connection: Connection, statement: Statement, *, generic: bool = False, analyze: bool = False) -> str:
    """The plan as text. ``generic`` is the one that a prepared statement may end up with after some executions.

    With ``analyze`` the statement is executed.
    """
    text, parameters, _ = statement
    names: list[str] = []

    def numbered(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    prepared = re.sub(r"%%|%\((\w+)\)s", numbered, text)
    values = sql.SQL(", ").join(sql.Literal(parameters[name]) for name in names)
    execute = sql.SQL("EXECUTE measured") + (sql.SQL("({})").format(values) if names else sql.SQL(""))
    options = "ANALYZE, BUFFERS" if analyze else "COSTS OFF"
    cursor = connection.connection.cursor()
    cursor.execute(f"SET LOCAL plan_cache_mode = {'force_generic_plan' if generic else 'force_custom_plan'}".encode())
    cursor.execute(f"PREPARE measured AS {prepared}".encode())
    try:
        cursor.execute(sql.SQL("EXPLAIN ({}) ").format(sql.SQL(options)) + execute)
        return "\n".join(line for (line,) in cursor)
    finally:
        cursor.execute(b"DEALLOCATE measured")
        cursor.execute(b"SET LOCAL plan_cache_mode = auto")
