"""What came of a contact, and the indexes that the page Log Contacts reads

Adds ``contact_attempts.outcome`` and ``status_choice``, what the person who logged it chose for the lead's status. Rows
that exist keep NULL in both: nobody said what came of them, and the rule decided about the status.

The indexes come first, CONCURRENTLY and outside any transaction, so that a live team keeps working; each can be run
again after an interruption.
"""

import sqlalchemy as sa
from alembic import op

from lib import indexes

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INDEXES = {
    "contact_attempts_user_id_idx": "contact_attempts (company_id, user_id, occurred_at)",
}


def upgrade() -> None:
    indexes.build(INDEXES)
    op.add_column("contact_attempts", sa.Column("outcome", sa.Text))
    op.add_column("contact_attempts", sa.Column("status_choice", sa.Text))
    op.create_check_constraint(
        op.f("contact_attempts_outcome_check"), "contact_attempts",
        "outcome IN ('no_answer', 'left_message', 'replied', 'interested', 'not_now', 'not_interested', "
        "'meeting_booked', 'wrong_person')")
    op.create_check_constraint(
        op.f("contact_attempts_status_choice_check"), "contact_attempts",
        "status_choice IN ('leave', 'new', 'enriched', 'contacted', 'conversing', 'qualified', 'converted', 'lost')")


def downgrade() -> None:
    op.drop_column("contact_attempts", "status_choice")
    op.drop_column("contact_attempts", "outcome")
    indexes.drop(INDEXES)
