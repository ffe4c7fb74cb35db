"""Sort and filter all leads

Indexes for the list of all leads: newest, best score and name from an index each, sources and tags to filter by, and a
search that also finds phone numbers and LinkedIn addresses. All are built CONCURRENTLY and can be built again after an
interruption; nothing else changes.
"""

from alembic import op

from lib import indexes

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INDEXES = {
    "leads_newest_idx": "leads (company_id, created_at DESC NULLS LAST, id DESC)",
    "leads_score_idx": "leads (company_id, score DESC NULLS LAST, id DESC)",
    "leads_name_idx": "leads (company_id, lower(coalesce(last_name, '') || ' ' || coalesce(first_name, '')), id)",
    "leads_source_workflow_idx": "leads (company_id, source_workflow)",
}
# lib/filters.py writes its search over the same expression, or these are not used.
SEARCH_INDEXES = {
    "leads_full_search_idx": "leads USING gin (company_id, (lower(coalesce(first_name, '') || ' ' || "
                      "coalesce(last_name, '') || ' ' || coalesce(email, '') || ' ' || coalesce(phone, '') || ' ' || "
                      "coalesce(linkedin_url, ''))) gin_trgm_ops)",
    "leads_tags_search_idx": "leads USING gin (company_id, tags)",
}
REPLACED = {
    "leads_search_idx": "leads USING gin (company_id, (lower(coalesce(first_name, '') || ' ' || "
                        "coalesce(last_name, '') || ' ' || coalesce(email, ''))) gin_trgm_ops)",
}


def upgrade() -> None:
    indexes.build(INDEXES, search=SEARCH_INDEXES)
    indexes.drop(REPLACED)


def downgrade() -> None:
    indexes.build({}, search=REPLACED)
    indexes.drop([*INDEXES, *SEARCH_INDEXES])
