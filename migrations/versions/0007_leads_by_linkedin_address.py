"""Leads by their LinkedIn address, whatever way it is written

Whether a lead is there already is asked for every new lead and for every row of an import. The index is built
CONCURRENTLY and outside any transaction, so that a live team keeps working.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0003"
branch_labels = None
depends_on = None

NAME = "leads_linkedin_key_idx"
# lib/models.py has the same expression, or the index is not used. It is cut off, because an entry has to be short.
KEY = """left(rtrim(regexp_replace(regexp_replace(translate(linkedin_url, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
    'abcdefghijklmnopqrstuvwxyz'), '[?#].*', ''), '^([a-z]+://)?(www[.]|[a-z]{1,3}[.](?=linkedin[.]com))?', ''), '/'),
    300)"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # An interrupted build leaves an invalid index behind, which IF NOT EXISTS would keep.
        if op.get_bind().scalar(sa.text("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) "
                                        "AND NOT indisvalid"), {"name": NAME}):
            op.execute(f"DROP INDEX CONCURRENTLY {NAME}")
        op.execute(sa.text(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {NAME} ON leads (company_id, ({KEY})) "
                           "WHERE linkedin_url IS NOT NULL").execution_options(no_parameters=True))


def downgrade() -> None:
    op.execute(f"DROP INDEX IF EXISTS {NAME}")
