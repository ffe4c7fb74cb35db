"""Sharing leads out

How many open leads somebody takes at most (NULL: any number), by which strategy a company assigns leads as they are
enriched (NULL: not at all), and what else an event has to tell, such as the strategy and the candidates of an
assignment. All are NULL for the rows that exist, and adding them rewrites nothing.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("most_open_leads", sa.Integer))
    op.create_check_constraint(op.f("users_most_open_leads_check"), "users", "most_open_leads >= 0")
    op.add_column("companies", sa.Column("auto_assign", sa.Text))
    op.create_check_constraint(op.f("companies_auto_assign_check"), "companies",
                               "auto_assign IN ('round_robin', 'least_loaded')")
    op.add_column("lead_events", sa.Column("detail", postgresql.JSONB))


def downgrade() -> None:
    op.drop_column("lead_events", "detail")
    op.drop_constraint(op.f("companies_auto_assign_check"), "companies")
    op.drop_column("companies", "auto_assign")
    op.drop_constraint(op.f("users_most_open_leads_check"), "users")
    op.drop_column("users", "most_open_leads")
