"""Reads that are put into the database's words once, and sent as they are from then on.

SQLAlchemy makes a key of all parts of a statement at each execution, to find the words that it has put it into before,
and looks at each value of each row for what its type would make of it. For a page of fifty leads that takes a good part
of the time that the database needs for them, and their values are already what psycopg brings.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import BindParameter, CompoundSelect, CursorResult, Dialect, Select
from sqlalchemy.orm import Session

from lib.round_trips import PLAN_ANEW

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Read:
    """A SELECT whose rows have the names of its columns; the value of an enum is text.

    One that is not ``prepared`` is planned for its values each time, and never ends up with one plan for all of them:
    ``filters.planned_for`` tells what that is worth. It needs no value written into it for that.
    """

    def __init__(self, statement: Select | CompoundSelect, *, prepared: bool = True) -> None:
        self._statement = statement
        self._options: Mapping[str, Any] = NOTHING if prepared else PLAN_ANEW
        self._words: tuple[str, dict[str, Any]] | None = None

    def rows(self, session: Session, values: Mapping[str, Any] = NOTHING) -> CursorResult:
        """Execute it with these values for its parameters, of types that psycopg knows; one round trip."""
        connection = session.connection()
        if self._words is None:
            self._words = self._in_words(connection.dialect)
        words, known = self._words
        return connection.exec_driver_sql(words, {**known, **values}, execution_options=self._options)

    def _in_words(self, dialect: Dialect) -> tuple[str, dict[str, Any]]:
        """Its text, and the values that came with it, as they are sent."""
        compiled = self._statement.compile(dialect=dialect)
        left_open = {name: None for name, parameter in compiled.binds.items() if parameter.required}
        state = compiled.construct_expanded_state(left_open)
        return state.statement, {name: _as_sent(compiled.binds.get(name), value, dialect)
                                 for name, value in state.parameters.items()}


def _as_sent(parameter: BindParameter | None, value: Any, dialect: Dialect) -> Any:
    prepare = None if parameter is None else parameter.type.dialect_impl(dialect).bind_processor(dialect)
    return value if prepare is None or value is None else prepare(value)
