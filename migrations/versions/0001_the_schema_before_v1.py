"""The schema as it stands before V1: five statuses, no assignment, no contact tracking

A team that already has these tables does not run this revision; it stamps it and upgrades from there
(docs/architecture.md, "Taking over an existing database").
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATUSES = ("new", "contacted", "qualified", "converted", "lost")


def upgrade() -> None:
    op.create_table(
        "companies",
        _id(),
        sa.Column("name", sa.Text, nullable=False),
        *_timestamps(),
    )
    op.create_table(
        "users",
        _id(),
        _company(),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        *_timestamps(),
    )
    op.create_table(
        "lead_companies",
        _id(),
        _company(),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("domain", sa.Text),
        sa.Column("industry", sa.Text),
        *_timestamps(),
    )
    op.create_table(
        "leads",
        _id(),
        _company(),
        sa.Column("lead_company_id", postgresql.UUID, sa.ForeignKey("lead_companies.id", ondelete="SET NULL")),
        sa.Column("email", sa.Text),
        sa.Column("phone", sa.Text),
        sa.Column("first_name", sa.Text),
        sa.Column("last_name", sa.Text),
        sa.Column("job_title", sa.Text),
        sa.Column("linkedin_url", sa.Text),
        sa.Column("status", sa.Enum(*STATUSES, name="lead_status"), nullable=False, server_default="new"),
        sa.Column("source", sa.Text),
        sa.Column("source_workflow", sa.Text),
        sa.Column("enrichment_data", postgresql.JSONB, server_default=sa.text("'{}'::jsonb")),
        sa.Column("tags", postgresql.ARRAY(sa.Text), server_default=sa.text("'{}'::text[]")),
        sa.Column("notes", sa.Text),
        sa.Column("score", sa.Integer),
        *_timestamps(),
    )
    op.create_index("leads_company_id_email_idx", "leads", ["company_id", "email"], unique=True,
                    postgresql_where=sa.text("email IS NOT NULL"))


def downgrade() -> None:
    for table in ("leads", "lead_companies", "users", "companies"):
        op.drop_table(table)
    op.execute("DROP TYPE lead_status")


def _id() -> sa.Column:
    return sa.Column("id", postgresql.UUID, primary_key=True, server_default=sa.text("gen_random_uuid()"))


def _company() -> sa.Column:
    return sa.Column("company_id", postgresql.UUID, sa.ForeignKey("companies.id", ondelete="CASCADE"), nullable=False)


def _timestamps() -> list[sa.Column]:
    return [sa.Column(name, postgresql.TIMESTAMP(timezone=True), nullable=False, server_default=sa.text("now()"))
            for name in ("created_at", "updated_at")]
