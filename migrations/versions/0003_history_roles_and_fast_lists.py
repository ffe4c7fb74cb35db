"""History, roles, tokens, and the indexes that the lists and numbers read

Adds what Lead Desk needs beyond the specification's V1: contact_attempts (its V2) and the response counters (its V3),
lead_events (timeline, undo, who changed it), roles and absence of users, API tokens, idempotency keys, and
``updated_at`` kept by the database for every writer.

Indexes on ``leads`` come first, CONCURRENTLY and outside any transaction, so that a live team keeps working; each can
be run again after an interruption. Rows that exist keep their values, except that an e-mail address is stored trimmed,
in lower case, and NULL instead of empty; an address that would then collide with another lead's is left as it is.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from lib import indexes

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WORK_ORDER = "last_contacted_at DESC NULLS LAST, id DESC"
INDEXES = {
    "leads_my_list_idx": f"leads (company_id, assigned_to_user_id, {WORK_ORDER}) "
                         "INCLUDE (status, last_contact_method, contact_count)",
    "leads_company_list_idx": f"leads (company_id, {WORK_ORDER})",
    "leads_owner_status_idx": "leads (company_id, assigned_to_user_id, status)",
    "leads_unassigned_idx": "leads (company_id, score DESC NULLS LAST, id DESC) INCLUDE (status) "
                            "WHERE assigned_to_user_id IS NULL",
    "leads_follow_up_idx": f"leads (company_id, {WORK_ORDER}, assigned_to_user_id) "
                           "WHERE status IN ('contacted', 'conversing')",
    "leads_lead_company_id_idx": "leads (lead_company_id)",
}
# lib/filters.py writes its search over the same expression, or these are not used.
SEARCH_INDEXES = {
    "leads_search_idx": "leads USING gin (company_id, (lower(coalesce(first_name, '') || ' ' || "
                        "coalesce(last_name, '') || ' ' || coalesce(email, ''))) gin_trgm_ops)",
    "lead_companies_search_idx": "lead_companies USING gin (company_id, lower(name) gin_trgm_ops)",
}
TIMESTAMPED = ("companies", "users", "lead_companies", "leads")


def upgrade() -> None:
    indexes.build(INDEXES, search=SEARCH_INDEXES)

    _tidy_emails()
    op.add_column("leads", sa.Column("last_response_at", postgresql.TIMESTAMP(timezone=True)))
    op.add_column("leads", sa.Column("response_count", sa.Integer, nullable=False, server_default=sa.text("0")))
    # Counts are read from indexes alone, which stays cheap only while VACUUM keeps up with the writes.
    op.execute("ALTER TABLE leads SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02)")
    op.add_column("companies", sa.Column("follow_up_days", sa.Integer, nullable=False, server_default=sa.text("7")))
    op.create_check_constraint(op.f("companies_follow_up_days_check"), "companies", "follow_up_days BETWEEN 1 AND 365")
    _users()
    _contact_attempts()
    _lead_events()
    _tokens_and_keys()
    _updated_at()


def downgrade() -> None:
    for table in TIMESTAMPED:
        op.execute(f"DROP TRIGGER keep_updated_at ON {table}")
    op.execute("DROP FUNCTION keep_updated_at()")
    for table in ("idempotency_keys", "api_tokens", "lead_events", "contact_attempts"):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_change()")
    op.drop_index("users_company_id_idx", "users")
    op.drop_index("users_email_idx", "users")
    op.drop_constraint(op.f("users_role_check"), "users")
    for column in ("role", "is_active", "takes_leads", "away_from", "away_until", "last_assigned_at"):
        op.drop_column("users", column)
    op.drop_index("lead_companies_company_id_idx", "lead_companies")
    op.drop_constraint(op.f("companies_follow_up_days_check"), "companies")
    op.drop_column("companies", "follow_up_days")
    op.drop_column("leads", "response_count")
    op.drop_column("leads", "last_response_at")
    op.execute("ALTER TABLE leads RESET (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor)")
    for name in [*INDEXES, *SEARCH_INDEXES]:
        op.execute(f"DROP INDEX IF EXISTS {name}")


def _tidy_emails() -> None:
    op.execute("UPDATE leads SET email = NULL WHERE btrim(email) = ''")
    op.execute("""
        UPDATE leads SET email = lower(btrim(email))
        WHERE email <> lower(btrim(email)) AND NOT EXISTS (
            SELECT FROM leads AS other
            WHERE other.company_id = leads.company_id AND other.id <> leads.id
              AND lower(btrim(other.email)) = lower(btrim(leads.email)))""")


def _users() -> None:
    op.add_column("users", sa.Column("role", sa.Text, nullable=False, server_default="rep"))
    op.create_check_constraint(op.f("users_role_check"), "users", "role IN ('rep', 'team_lead', 'manager')")
    op.add_column("users", sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()))
    op.add_column("users", sa.Column("takes_leads", sa.Boolean, nullable=False, server_default=sa.true()))
    for name in ("away_from", "away_until", "last_assigned_at"):
        op.add_column("users", sa.Column(name, postgresql.TIMESTAMP(timezone=True)))
    op.create_index("users_email_idx", "users", [sa.text("lower(email)")], unique=True)
    op.create_index("users_company_id_idx", "users", ["company_id"])
    op.create_index("lead_companies_company_id_idx", "lead_companies", ["company_id", sa.text("lower(name)")])


def _contact_attempts() -> None:
    op.create_table(
        "contact_attempts",
        sa.Column("id", postgresql.UUID, primary_key=True, server_default=sa.text("gen_random_uuid()")),
        _reference("company_id", "companies.id", ondelete="CASCADE"),
        _reference("lead_id", "leads.id", ondelete="CASCADE"),
        _reference("user_id", "users.id"),
        sa.Column("batch_id", postgresql.UUID, nullable=False),
        sa.Column("method", sa.String(50), nullable=False),
        sa.Column("direction", sa.String(20), nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("notes", sa.Text),
        sa.Column("successful", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("occurred_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        _created_at(),
        sa.CheckConstraint("method IN ('email', 'linkedin', 'call', 'other')", name=op.f("contact_attempts_method_check")),
        sa.CheckConstraint("direction IN ('outbound', 'inbound')", name=op.f("contact_attempts_direction_check")),
    )
    op.create_index("contact_attempts_lead_id_idx", "contact_attempts",
                    ["lead_id", sa.text("occurred_at DESC"), sa.text("id DESC")])
    op.create_index("contact_attempts_company_id_idx", "contact_attempts", ["company_id", "occurred_at"])
    op.create_index("contact_attempts_batch_id_idx", "contact_attempts", ["batch_id"])


def _lead_events() -> None:
    op.create_table(
        "lead_events",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        _reference("company_id", "companies.id", ondelete="CASCADE"),
        _reference("lead_id", "leads.id", ondelete="CASCADE"),
        sa.Column("batch_id", postgresql.UUID, nullable=False),
        sa.Column("undoes_batch_id", postgresql.UUID),
        sa.Column("actor_id", postgresql.UUID, sa.ForeignKey("users.id")),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("before", postgresql.JSONB, nullable=False),
        sa.Column("after", postgresql.JSONB, nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("source IN ('ui', 'api', 'system')", name=op.f("lead_events_source_check")),
    )
    op.create_index("lead_events_lead_id_idx", "lead_events", ["lead_id", sa.text("id DESC")])
    op.create_index("lead_events_batch_id_idx", "lead_events", ["batch_id"])
    op.create_index("lead_events_undoes_batch_id_idx", "lead_events", ["undoes_batch_id"],
                    postgresql_where=sa.text("undoes_batch_id IS NOT NULL"))
    op.create_index("lead_events_company_id_idx", "lead_events", ["company_id", "at"])
    op.execute("""
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'rows of % are added and never changed', TG_TABLE_NAME;
        END $$""")
    op.execute("CREATE TRIGGER append_only BEFORE UPDATE ON lead_events "
               "FOR EACH ROW EXECUTE FUNCTION refuse_change()")


def _tokens_and_keys() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", postgresql.UUID, primary_key=True, server_default=sa.text("gen_random_uuid()")),
        _reference("company_id", "companies.id", ondelete="CASCADE"),
        _reference("user_id", "users.id"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("token_hash", postgresql.BYTEA, nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text), nullable=False),
        _created_at(),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True)),
        sa.Column("last_used_at", postgresql.TIMESTAMP(timezone=True)),
        sa.Column("revoked_at", postgresql.TIMESTAMP(timezone=True)),
    )
    op.create_index("api_tokens_token_hash_idx", "api_tokens", ["token_hash"], unique=True)
    op.create_table(
        "idempotency_keys",
        sa.Column("owner_id", postgresql.UUID, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        _reference("company_id", "companies.id", ondelete="CASCADE"),
        sa.Column("request_hash", postgresql.BYTEA, nullable=False),
        sa.Column("answer", postgresql.JSONB, nullable=False),
        _created_at(),
    )
    op.create_index("idempotency_keys_created_at_idx", "idempotency_keys", ["created_at"])


def _updated_at() -> None:
    op.execute("""
        CREATE FUNCTION keep_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NEW.updated_at := now();
            RETURN NEW;
        END $$""")
    for table in TIMESTAMPED:
        op.execute(f"CREATE TRIGGER keep_updated_at BEFORE UPDATE ON {table} "
                   f"FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION keep_updated_at()")


def _reference(name: str, target: str, **rules) -> sa.Column:
    return sa.Column(name, postgresql.UUID, sa.ForeignKey(target, **rules), nullable=False)


def _created_at() -> sa.Column:
    return sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False, server_default=sa.text("now()"))
