"""Why a lead was lost, and when

Three columns on ``leads``: ``lost_reason``, one of a short list, ``lost_note`` and ``lost_at``. They are nullable and
without a default, so that adding them rewrites nothing; leads that are lost already keep NULL, as nobody said why. The
check is added without looking at the rows, which it would lock everybody out for, and looks at them afterwards. The
index is built CONCURRENTLY. Each step can be run again after an interruption.
"""

from alembic import op

from lib import indexes

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEXES = {
    "leads_lost_idx": "leads (company_id, lost_at) INCLUDE (id, lost_reason, assigned_to_user_id) "
                      "WHERE status = 'lost'",
}


def upgrade() -> None:
    op.execute("ALTER TABLE leads ADD COLUMN IF NOT EXISTS lost_reason text, ADD COLUMN IF NOT EXISTS lost_note text, "
               "ADD COLUMN IF NOT EXISTS lost_at timestamptz, DROP CONSTRAINT IF EXISTS leads_lost_reason_check, "
               "ADD CONSTRAINT leads_lost_reason_check CHECK (lost_reason IN ('no_answer', 'no_budget', 'no_need', "
               "'competitor', 'bad_timing', 'wrong_person', 'bad_data', 'other')) NOT VALID")
    indexes.build(INDEXES)
    op.execute("ALTER TABLE leads VALIDATE CONSTRAINT leads_lost_reason_check")


def downgrade() -> None:
    indexes.drop(INDEXES)
    for name in ("lost_at", "lost_note", "lost_reason"):
        op.drop_column("leads", name)
