"""Indexes for migrations on tables that are in use: built and dropped CONCURRENTLY, and again after an interruption."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from alembic import op


def build(definitions: Mapping[str, str], *, search: Mapping[str, str] | None = None) -> None:
    """Build these indexes, each given as what follows ``CREATE INDEX name ON``, while everybody goes on working.

    ``search`` are those that need pg_trgm and btree_gin; a server that lacks them, or a role that may not create
    them, goes without.
    """
    with op.get_context().autocommit_block():
        for name, definition in {**definitions, **(search or {} if _has_extensions() else {})}.items():
            _drop_if_half_built(name)
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {definition}")


def drop(names: Iterable[str]) -> None:
    with op.get_context().autocommit_block():
        for name in names:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _has_extensions() -> bool:
    connection = op.get_bind()
    for name in ("pg_trgm", "btree_gin"):
        try:
            connection.execute(sa.text(f"CREATE EXTENSION IF NOT EXISTS {name}"))
        except sa.exc.DBAPIError:
            return False
    return True


def _drop_if_half_built(name: str) -> None:
    """An interrupted CREATE INDEX CONCURRENTLY leaves an invalid index behind, which IF NOT EXISTS would keep."""
    invalid = op.get_bind().scalar(sa.text(
        "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid"), {"name": name})
    if invalid:
        op.execute(f"DROP INDEX CONCURRENTLY {name}")
