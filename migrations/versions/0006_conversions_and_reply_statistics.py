"""V4: what a conversion is owed to, and the indexes that the statistics read

Two columns on ``leads``, both NULL for the rows that exist: ``conversion_source`` (the specification's V4) and
``converted_at``. They are nullable and without a default, so that adding them rewrites nothing; who was converted
before is worked out by ``attribution.recompute``. The indexes are built CONCURRENTLY, each can be run again after an
interruption.
"""

from alembic import op

from lib import indexes

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INDEXES = {
    "leads_converted_idx": "leads (company_id, converted_at) INCLUDE (id, assigned_to_user_id) "
                           "WHERE status = 'converted'",
    "leads_source_lead_idx": "leads (company_id, source, id)",
    "contact_attempts_history_idx": "contact_attempts (company_id, lead_id, occurred_at, direction DESC, id) "
                                    "INCLUDE (method, user_id, successful)",
    "lead_events_status_idx": "lead_events (company_id, at) WHERE after ? 'status' AND action <> 'created'",
    "leads_assigned_at_idx": "leads (company_id, assigned_at) INCLUDE (id, assigned_to_user_id) "
                             "WHERE assigned_to_user_id IS NOT NULL",
    "leads_ready_idx": "leads (company_id, assigned_to_user_id, assigned_at) INCLUDE (last_contacted_at) "
                       "WHERE status = 'enriched'",
    "leads_pool_idx": "leads (company_id, created_at, source) "
                      "WHERE assigned_to_user_id IS NULL AND status NOT IN ('converted', 'lost')",
}


def upgrade() -> None:
    # An upgrade that was interrupted below has these already.
    op.execute("ALTER TABLE leads ADD COLUMN IF NOT EXISTS conversion_source text, "
               "ADD COLUMN IF NOT EXISTS converted_at timestamptz")
    indexes.build(INDEXES)


def downgrade() -> None:
    indexes.drop(INDEXES)
    op.drop_column("leads", "converted_at")
    op.drop_column("leads", "conversion_source")

