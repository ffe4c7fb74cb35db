"""Sign-in, settings and the API

Time zones of people and companies, service users (machines that act but never sign in), the moment before which a
person's sign-ins no longer count, the last characters of a token to know it by, and ``settings_events``: who changed
which setting, from what to what. Every column is nullable or has a constant default, so that adding them rewrites
nothing.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("companies", sa.Column("time_zone", sa.Text, nullable=False, server_default="UTC"))
    op.add_column("users", sa.Column("time_zone", sa.Text))
    op.add_column("users", sa.Column("is_service", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("users", sa.Column("signed_out_at", postgresql.TIMESTAMP(timezone=True)))
    op.add_column("api_tokens", sa.Column("hint", sa.Text, nullable=False, server_default=""))
    op.create_index("api_tokens_company_id_idx", "api_tokens", ["company_id"])
    op.create_table(
        "settings_events",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("company_id", postgresql.UUID, sa.ForeignKey("companies.id", ondelete="CASCADE"), nullable=False),
        sa.Column("actor_id", postgresql.UUID, sa.ForeignKey("users.id")),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("subject_id", postgresql.UUID, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("before", postgresql.JSONB, nullable=False),
        sa.Column("after", postgresql.JSONB, nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("source IN ('ui', 'api', 'system')", name=op.f("settings_events_source_check")),
        sa.CheckConstraint("subject IN ('user', 'company', 'token', 'tag')", name=op.f("settings_events_subject_check")),
    )
    op.create_index("settings_events_company_id_idx", "settings_events", ["company_id", sa.text("id DESC")])
    op.execute("CREATE TRIGGER append_only BEFORE UPDATE ON settings_events "
               "FOR EACH ROW EXECUTE FUNCTION refuse_change()")


def downgrade() -> None:
    op.drop_table("settings_events")
    op.drop_index("api_tokens_company_id_idx", "api_tokens")
    op.drop_column("api_tokens", "hint")
    for name in ("signed_out_at", "is_service", "time_zone"):
        op.drop_column("users", name)
    op.drop_column("companies", "time_zone")
