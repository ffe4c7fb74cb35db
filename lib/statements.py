"""Statements that are put into the database's words once, and sent as they are from then on.

SQLAlchemy makes a key of all parts of a statement at each execution, to find the words that it has put it into before,
and looks at each value of each row for what its type would make of it. For a page of fifty leads that takes a good part
of the time that the database needs for them, and their values are already what psycopg brings.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import (ARRAY, UUID, BindParameter, CompoundSelect, CursorResult, Delete, Dialect, Insert, Select,
                        TextClause, Update)
from sqlalchemy.orm import Session

from lib.round_trips import ANSWER_LATER, AS_BEFORE, PLAN_ANEW, Columns

NOTHING: Mapping[str, Any] = MappingProxyType({})


class _Kept:
    """A statement in the database's words, with what is known of its parameters and of its columns."""

    def __init__(self, statement: Any, options: Mapping[str, Any] = NOTHING) -> None:
        self._statement = statement
        self._options: Mapping[str, Any] = {**options, AS_BEFORE: Columns()}
        self._words: tuple[str, dict[str, Any], dict[str, Callable[[Any], Any]]] | None = None

    def _execute(self, session: Session, values: Mapping[str, Any], options: Mapping[str, Any]) -> CursorResult:
        connection = session.connection()
        if self._words is None:
            self._words = self._in_words(connection.dialect)
        words, known, as_sent = self._words
        given = {**known, **values}
        for name, prepare in as_sent.items():
            given[name] = prepare(given[name])
        return connection.exec_driver_sql(words, given, execution_options=options)

    def _in_words(self, dialect: Dialect) -> tuple[str, dict[str, Any], dict[str, Callable[[Any], Any]]]:
        """Its text, the values that came with it, as they are sent, and what is made of those that are given."""
        compiled = self._statement.compile(dialect=dialect)
        left_open = {name: None for name, parameter in compiled.binds.items() if parameter.required}
        state = compiled.construct_expanded_state(left_open)
        as_sent = {name: _preparation(compiled.binds.get(name), dialect) for name in state.parameters}
        known = {name: value if value is None or as_sent[name] is None else as_sent[name](value)
                 for name, value in state.parameters.items()}
        return state.statement, known, {name: as_sent[name] for name in left_open if as_sent.get(name)}


class Read(_Kept):
    """A SELECT whose rows have the names of its columns; the value of an enum is text.

    One that is not ``prepared`` is planned for its values each time, and never ends up with one plan for all of them:
    ``filters.planned_for`` tells what that is worth. It needs no value written into it for that.
    """

    def __init__(self, statement: Select | CompoundSelect | TextClause, *, prepared: bool = True) -> None:
        super().__init__(statement, NOTHING if prepared else PLAN_ANEW)

    def rows(self, session: Session, values: Mapping[str, Any] = NOTHING) -> CursorResult:
        """Execute it with these values for its parameters; one round trip."""
        return self._execute(session, values, self._options)

    def ahead(self, session: Session, values: Mapping[str, Any]) -> Callable[[], CursorResult]:
        """Have it executed with the next statement; what is returned is called for the rows after that."""
        found = self._execute(session, values, {**self._options, **ANSWER_LATER})
        return found if callable(found) else lambda: found


class Write(_Kept):
    """An INSERT, UPDATE or DELETE, or a lock, with a parameter for each value that it writes."""

    def __init__(self, statement: Insert | Update | Delete | Select | TextClause) -> None:
        super().__init__(statement)

    def now(self, session: Session, values: Mapping[str, Any]) -> CursorResult:
        """Execute it, and wait for the rows that it returns or for what it is refused for; one round trip."""
        return self._execute(session, values, self._options)

    def later(self, session: Session, values: Mapping[str, Any]) -> None:
        """Have it executed with the next statement, or with COMMIT."""
        self._execute(session, values, ANSWER_LATER)


def _preparation(parameter: BindParameter | None, dialect: Dialect) -> Callable[[Any], Any] | None:
    """What has to be made of a parameter's value for psycopg; None: nothing."""
    if parameter is None:
        return None
    if isinstance(parameter.type, ARRAY) and isinstance(parameter.type.item_type, UUID):
        return _ids
    return parameter.type.dialect_impl(dialect).bind_processor(dialect)


def _ids(ids: Sequence[uuid.UUID] | None) -> str | None:
    """PostgreSQL's own words for an array of these. psycopg would look at each of them for what it could be, which takes
    longer than all else about a statement that locks one lead."""
    return None if ids is None else "{" + ",".join(map(str, ids)) + "}"
