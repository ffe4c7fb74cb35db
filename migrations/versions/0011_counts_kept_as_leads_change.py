"""Counts kept as leads change

The four numbers and the team's load counted leads whenever somebody looked, which takes longer the more leads there are
and the more has been written since the last VACUUM. From here on triggers add to three tables what each change does to
the counts, one row for each change, which no two writers wait for each other to add; lib/counts.py sums the rows up now
and then. Follow-ups are counted by the UTC day of the last contact.

Writers wait while what is there is counted, about a second for a million leads.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"
IS_FOLLOWED_UP = "status IN ('contacted', 'conversing') AND last_contacted_at IS NOT NULL"
DAY = "(last_contacted_at AT TIME ZONE 'UTC')::date"
# By table: its key, and from which leads each part of the key comes.
TABLES = {
    "lead_status_counts": ("company_id, owner_id, status",
                           f"company_id, coalesce(assigned_to_user_id, {NOBODY}), status", "true"),
    "follow_up_counts": ("company_id, day", f"company_id, {DAY}", IS_FOLLOWED_UP),
    "owner_follow_up_counts": ("company_id, owner_id, day", f"company_id, assigned_to_user_id, {DAY}",
                               f"{IS_FOLLOWED_UP} AND assigned_to_user_id IS NOT NULL"),
}
TYPES = {"company_id": "uuid", "owner_id": "uuid", "status": "lead_status", "day": "date"}


def upgrade() -> None:
    for table, (key, _, _) in TABLES.items():
        columns = ", ".join(f"{name} {TYPES[name]} NOT NULL" for name in key.split(", "))
        op.execute(f"CREATE TABLE {table} ({columns}, n bigint NOT NULL, is_sum boolean NOT NULL DEFAULT false)")
        op.execute(f"CREATE INDEX {table}_idx ON {table} ({key}) INCLUDE (n)")
        op.execute(f"CREATE INDEX {table}_new_idx ON {table} (company_id) WHERE NOT is_sum")
        # Rows come and go all the time, and are read from the index alone as long as VACUUM keeps up.
        op.execute(f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500, "
                   "autovacuum_vacuum_insert_scale_factor = 0.05)")
    _functions()
    op.execute("LOCK TABLE leads IN SHARE ROW EXCLUSIVE MODE")
    op.execute("CREATE TRIGGER count_added AFTER INSERT ON leads REFERENCING NEW TABLE AS changed "
               "FOR EACH STATEMENT EXECUTE FUNCTION count_changed_leads()")
    op.execute("CREATE TRIGGER count_removed AFTER DELETE ON leads REFERENCING OLD TABLE AS changed "
               "FOR EACH STATEMENT EXECUTE FUNCTION count_changed_leads()")
    op.execute("""
        CREATE TRIGGER count_moved AFTER UPDATE ON leads FOR EACH ROW WHEN (
            (OLD.company_id, OLD.assigned_to_user_id, OLD.status, OLD.last_contacted_at) IS DISTINCT FROM
            (NEW.company_id, NEW.assigned_to_user_id, NEW.status, NEW.last_contacted_at))
        EXECUTE FUNCTION count_moved_lead()""")
    # At the very end of the transaction, after what the removal of the company's leads has added.
    op.execute("CREATE CONSTRAINT TRIGGER forget_counts AFTER DELETE ON companies DEFERRABLE INITIALLY DEFERRED "
               "FOR EACH ROW EXECUTE FUNCTION forget_counts()")
    for table, (key, parts, condition) in TABLES.items():
        op.execute(f"INSERT INTO {table} ({key}, n, is_sum) SELECT {parts}, count(*), true FROM leads WHERE {condition} "
                   f"GROUP BY {', '.join(str(place + 1) for place in range(len(key.split(', '))))}")


def downgrade() -> None:
    op.execute("DROP TRIGGER forget_counts ON companies")
    for trigger in ("count_moved", "count_removed", "count_added"):
        op.execute(f"DROP TRIGGER {trigger} ON leads")
    for function in ("forget_counts", "count_moved_lead", "count_changed_leads"):
        op.execute(f"DROP FUNCTION {function}()")
    for table in TABLES:
        op.drop_table(table)


def _functions() -> None:
    whole = "".join(
        f"INSERT INTO {table} ({key}, n) SELECT {parts}, sign * count(*) FROM changed WHERE {condition} "
        f"GROUP BY {', '.join(str(place + 1) for place in range(len(key.split(', '))))};\n"
        for table, (key, parts, condition) in TABLES.items())
    op.execute(f"""
        CREATE FUNCTION count_changed_leads() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE sign integer := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
        BEGIN
            {whole}
            RETURN NULL;
        END $$""")
    moved = "".join(
        f"INSERT INTO {table} ({key}, n) SELECT {parts}, sum(sign) FROM (VALUES "
        "(-1, OLD.company_id, OLD.assigned_to_user_id, OLD.status, OLD.last_contacted_at), "
        "(1, NEW.company_id, NEW.assigned_to_user_id, NEW.status, NEW.last_contacted_at)) "
        f"AS moved (sign, company_id, assigned_to_user_id, status, last_contacted_at) WHERE {condition} "
        f"GROUP BY {', '.join(str(place + 1) for place in range(len(key.split(', '))))} HAVING sum(sign) <> 0;\n"
        for table, (key, parts, condition) in TABLES.items())
    op.execute(f"""
        CREATE FUNCTION count_moved_lead() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            {moved}
            RETURN NULL;
        END $$""")
    forget = "".join(f"DELETE FROM {table} WHERE company_id = OLD.id;\n" for table in TABLES)
    op.execute(f"""
        CREATE FUNCTION forget_counts() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            {forget}
            RETURN NULL;
        END $$""")
