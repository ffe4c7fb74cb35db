"""Fewer round trips to the database: what needs no answer of its own travels with what does.

BEGIN goes out with the first statement of a transaction. A statement with the option ``ANSWER_LATER`` goes out with the
next one or with COMMIT: one whose answer nobody reads and that has no reason to be refused, such as the event beside a
change. The server works off what arrives together in its order, and leaves the rest undone once one of them fails, so
nothing is ever kept without what went before it. An idle connection is asked whether it still works only where there is
a reason to.
"""

import functools
import select
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import psycopg
import sqlalchemy
from psycopg.generators import send
from psycopg.pq import ExecStatus
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg, PGExecutionContext_psycopg
from sqlalchemy.engine.cursor import CursorResult
from sqlalchemy.sql.expression import ReleaseSavepointClause, SavepointClause

# How long an idle connection is believed in. One that the server has ended is noticed at once, as that makes it
# readable; one that a firewall has forgotten says nothing.
TRUSTED_SECONDS = 20

ANSWER_LATER = {"answer_later": True}
"""The execution options of a statement that may wait for the next one."""
PLAN_ANEW = {"plan_anew": True}
"""The execution options of a statement that is to be planned for its values each time, however often it is executed."""
AS_BEFORE = "as_before"
"""The execution option whose value is the ``Columns`` of a statement in the database's words."""


class NeverSent(psycopg.OperationalError):
    """The connection was found broken before the end of the transaction was sent."""


class _Together(psycopg.Pipeline):
    """Sends all that is executed in it at once, when it is over.

    psycopg's own sends each statement as it comes, and looks each time whether an answer is there: twice the calls of
    the system, and a server that is woken up for each of them.
    """

    is_over = False

    def _communicate_gen(self) -> Generator[Any, Any, None]:
        if self.is_over:
            while self.command_queue:
                # Into libpq's own buffer, which grows as needed and loses nothing.
                self.command_queue.popleft()()
            yield from super()._communicate_gen()

    def _exit_gen(self) -> Generator[Any, Any, None]:
        self.is_over = True
        self._enqueue_sync()
        try:
            yield from self._communicate_gen()
            # All of it, however much that is, and with an ear for answers meanwhile: a server that cannot get rid of
            # these takes no more.
            yield from send(self.pgconn)
        except BaseException:
            yield from self._fetch_gen(flush=True)
            raise
        # The server answers a Sync by itself; psycopg would ask it to once more.
        yield from self._fetch_gen(flush=False)


class Cursor(psycopg.Cursor):
    """Describes its columns by what SQLAlchemy looks at, their names and types. psycopg makes an object for each, which
    takes a third as long as the whole statement for the columns of a lead."""

    @property
    def description(self) -> list[tuple] | None:
        result = self.pgresult
        if result is None or result.status != ExecStatus.TUPLES_OK:
            return None
        return [(result.fname(place).decode(), result.ftype(place), None, None, None, None, None)
                for place in range(result.nfields)]


class Connection(psycopg.Connection):
    """A connection that knows what has yet to be sent. It is in autocommit for psycopg, as ``send`` says BEGIN itself:
    psycopg would wait for the answer to its own."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.cursor_factory = Cursor
        self.begin: str | None = "BEGIN"
        self.unbegun = False
        self.waiting: list[tuple[str, Callable[[], Any]]] = []
        """Statements that have yet to be sent, each with what executes it."""
        self.used_at = time.monotonic()

    def begins(self, how: str | None) -> None:
        """Begin the transactions to come like this; None: there are none, each statement stands for itself."""
        self.begin = how
        self.autocommit = True

    def begin_later(self) -> None:
        self.unbegun = self.begin is not None

    def forget(self) -> None:
        """Never send what has not been sent yet."""
        self.unbegun = False
        self.waiting.clear()

    def forget_since(self, savepoint: str) -> bool:
        """Never send what came after this savepoint; whether the savepoint itself has been sent."""
        for place, (statement, _) in enumerate(self.waiting):
            if statement == savepoint:
                del self.waiting[place:]
                return False
        # It went out with all that came before it, so what waits has come since.
        self.waiting.clear()
        return True

    def send(self, last: Callable[[], Any]) -> None:
        """Send everything that waits, and then what ``last`` does, in one go; the first error is raised."""
        waiting, unbegun = list(self.waiting), self.unbegun
        self.forget()
        self._pipeline = _Together(self)
        try:
            with self._pipeline:
                if unbegun:
                    self.say(self.begin)
                for _, execute in waiting:
                    execute()
                last()
        finally:
            self._pipeline = None

    def say(self, command: str) -> None:
        """Execute what has no parameters and no rows. A cursor would look into both, and prepare it."""
        self.wait(self._exec_command(command))

    def commit(self) -> None:
        self.used_at = time.monotonic()
        if not self.waiting:
            self.forget()
            super().commit()
            return
        if self.closed or self.is_readable():
            # Most likely broken. Sent by themselves, the statements show it while it is certain that nothing is kept.
            try:
                self.send(lambda: None)
            except psycopg.OperationalError as error:
                if not self.closed:
                    raise
                raise NeverSent("the connection broke before the transaction ended") from error
            super().commit()
            return
        # As a statement: psycopg's own way would ask for an answer twice.
        self.send(lambda: self.say("COMMIT"))

    def rollback(self) -> None:
        self.used_at = time.monotonic()
        self.forget()
        super().rollback()

    def is_trusted(self) -> bool:
        """Whether there is no reason to doubt that the connection still works."""
        return time.monotonic() - self.used_at < TRUSTED_SECONDS and not self.is_readable()

    def is_readable(self) -> bool:
        """Whether the server has said something unasked. Most often that is good-bye."""
        poll = select.poll()
        poll.register(self.pgconn.socket, select.POLLIN)
        return bool(poll.poll(0))


class Columns:
    """What SQLAlchemy has worked out about the columns of a statement, the same each time it is executed."""

    known: Any = None


class _Result(CursorResult):
    """The rows of a statement whose columns are worked out once."""

    def _init_metadata(self, context: Any, described: Any) -> Any:
        columns = context.execution_options[AS_BEFORE]
        if columns.known is None:
            columns.known = super()._init_metadata(context, context.cursor.description)
        self._metadata = columns.known
        return columns.known


class _Execution(PGExecutionContext_psycopg):
    is_waiting = False

    def _setup_result_proxy(self) -> Any:
        # Of what has yet to be sent there is no result, and its cursor stays open.
        return self.arrived if self.is_waiting else super()._setup_result_proxy()

    def arrived(self) -> CursorResult:
        """The rows of a statement that went out with a later one; it is sent now where nothing has come since."""
        try:
            if self.cursor.pgresult is None:
                self.cursor.connection.send(lambda: None)
            return super()._setup_result_proxy()
        except BaseException as error:
            self.root_connection._handle_dbapi_exception(error, self.statement, self.parameters, self.cursor, self)

    def _setup_dml_or_text_result(self) -> CursorResult:
        if AS_BEFORE not in self.execution_options:
            return super()._setup_dml_or_text_result()
        has_rows = self.cursor.pgresult.status == ExecStatus.TUPLES_OK
        return _Result(self, self.cursor_fetch_strategy, () if has_rows else None)


class Dialect(PGDialect_psycopg):
    """SQLAlchemy's own for psycopg, but for when things are sent."""

    supports_statement_cache = True
    execution_ctx_cls = _Execution

    def set_isolation_level(self, dbapi_connection: Connection, level: str) -> None:
        super().set_isolation_level(dbapi_connection, level)
        dbapi_connection.begins(None if level == "AUTOCOMMIT" else f"BEGIN ISOLATION LEVEL {level}")

    def do_begin(self, dbapi_connection: Connection) -> None:
        dbapi_connection.begin_later()

    def do_execute(self, cursor: psycopg.Cursor, statement: str, parameters: Any, context: Any = None) -> None:
        execute = cursor.execute
        if context is not None and context.execution_options.get("plan_anew"):
            execute = functools.partial(execute, prepare=False)
        self._run(cursor, execute, statement, parameters, context)

    def do_execute_no_params(self, cursor: psycopg.Cursor, statement: str, context: Any = None) -> None:
        self._run(cursor, cursor.execute, statement, None, context)

    def do_executemany(self, cursor: psycopg.Cursor, statement: str, parameters: Sequence[Mapping[str, Any]],
                       context: Any = None) -> None:
        self._run(cursor, cursor.executemany, statement, parameters, context)

    def _run(self, cursor: psycopg.Cursor, run: Callable[[str, Any], Any], statement: str, parameters: Any,
             context: Any) -> None:
        connection = cursor.connection
        if context is not None and context.execution_options.get("answer_later") and connection.begin:
            connection.waiting.append((statement, functools.partial(run, statement, parameters)))
            context.is_waiting = True
        elif isinstance(cursor, psycopg.ServerCursor):
            # Fetches piece by piece, which cannot be done while answers are collected.
            connection.send(lambda: None)
            run(statement, parameters)
        elif connection.unbegun or connection.waiting:
            connection.send(lambda: run(statement, parameters))
        else:
            run(statement, parameters)

    def do_savepoint(self, connection: sqlalchemy.Connection, name: str) -> None:
        connection.execute(SavepointClause(name), execution_options=ANSWER_LATER)

    def do_release_savepoint(self, connection: sqlalchemy.Connection, name: str) -> None:
        connection.execute(ReleaseSavepointClause(name), execution_options=ANSWER_LATER)

    def do_rollback_to_savepoint(self, connection: sqlalchemy.Connection, name: str) -> None:
        if connection.connection.dbapi_connection.forget_since(f"SAVEPOINT {name}"):
            super().do_rollback_to_savepoint(connection, name)

    def do_ping(self, dbapi_connection: Connection) -> bool:
        return dbapi_connection.is_trusted() or super().do_ping(dbapi_connection)


registry.register("postgresql.lead_desk", __name__, "Dialect")
