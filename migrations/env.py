"""Alembic's entry: one transaction a revision, on the connection that lib/schema.py hands over.

A developer's ``alembic`` command brings no connection; it then gets one from the application's own settings.
"""

from alembic import context

from lib import counts, db, schema  # noqa: F401 - counts has tables of its own
from lib.models import Base


def run(connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=schema.is_ours,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    run(handed_over)
else:
    with db.engine().connect() as connection:
        run(connection)
