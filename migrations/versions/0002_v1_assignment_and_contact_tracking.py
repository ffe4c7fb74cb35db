"""V1: assignment, contact tracking, and the statuses enriched and conversing

The specification's own migration ("Updated Migration"), with ``contact_count`` NOT NULL: a counter that may be NULL
would make ``contact_count + 1`` NULL too. Rows that exist keep their status and start with no contact.

Going down merges the two new statuses into their neighbours (enriched into new, conversing into contacted), since the
old enum cannot hold them, and drops the assignment and contact columns with what they hold.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("leads", sa.Column("assigned_to_user_id", postgresql.UUID,
                                     sa.ForeignKey("users.id", ondelete="SET NULL")))
    op.add_column("leads", sa.Column("assigned_at", postgresql.TIMESTAMP(timezone=True)))
    op.add_column("leads", sa.Column("last_contacted_at", postgresql.TIMESTAMP(timezone=True)))
    op.add_column("leads", sa.Column("last_contact_method", sa.String(50)))
    op.add_column("leads", sa.Column("contact_count", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.execute("ALTER TYPE lead_status ADD VALUE 'enriched' BEFORE 'contacted'")
    op.execute("ALTER TYPE lead_status ADD VALUE 'conversing' AFTER 'contacted'")
    op.create_index("idx_leads_assigned_to", "leads", ["company_id", "assigned_to_user_id"])
    op.create_index("idx_leads_last_contacted", "leads", ["company_id", "last_contacted_at"])


def downgrade() -> None:
    op.drop_index("idx_leads_last_contacted", "leads")
    op.drop_index("idx_leads_assigned_to", "leads")
    # PostgreSQL cannot take a value out of an enum, so the type is made anew.
    op.execute("ALTER TYPE lead_status RENAME TO lead_status_v1")
    op.execute("CREATE TYPE lead_status AS ENUM ('new', 'contacted', 'qualified', 'converted', 'lost')")
    op.execute("ALTER TABLE leads ALTER COLUMN status DROP DEFAULT")
    op.execute("""
        ALTER TABLE leads ALTER COLUMN status TYPE lead_status USING (
            CASE status::text WHEN 'enriched' THEN 'new' WHEN 'conversing' THEN 'contacted' ELSE status::text END
        )::lead_status""")
    op.execute("ALTER TABLE leads ALTER COLUMN status SET DEFAULT 'new'")
    op.execute("DROP TYPE lead_status_v1")
    for column in ("contact_count", "last_contact_method", "last_contacted_at", "assigned_at", "assigned_to_user_id"):
        op.drop_column("leads", column)
