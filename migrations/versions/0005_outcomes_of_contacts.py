"""What came of a contact, and the indexes that the page Log Contacts reads

Adds ``contact_attempts.outcome`` and ``status_choice``, what the person who logged it chose for the lead's status. Rows
that exist keep NULL in both: nobody said what came of them, and the rule decided about the status.

The indexes come first, CONCURRENTLY and outside any transaction, so that a live team keeps working; each can be run
again after an interruption.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None

INDEXES = {
    "contact_attempts_user_id_idx": "contact_attempts (company_id, user_id, occurred_at)",
    # lib/pasted.py looks an address up by the same expression, or this is not used.
    "leads_linkedin_key_idx": r"leads (company_id, lower(regexp_replace(linkedin_url, "
                              r"'^https?://([a-z]+\.)?linkedin\.com/|/*([?#].*)?$', '', 'gi'))) "
                              "WHERE linkedin_url IS NOT NULL",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            _drop_if_half_built(name)
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {definition}")
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
    for name in INDEXES:
        op.execute(f"DROP INDEX IF EXISTS {name}")


def _drop_if_half_built(name: str) -> None:
    """An interrupted CREATE INDEX CONCURRENTLY leaves an invalid index behind, which IF NOT EXISTS would keep."""
    invalid = op.get_bind().scalar(sa.text(
        "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid"), {"name": name})
    if invalid:
        op.execute(f"DROP INDEX CONCURRENTLY {name}")
