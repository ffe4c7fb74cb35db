"""What is on whose desk, kept day by day as leads and contacts change

The contacts that each person made, and the leads that they took, have not touched since, and converted, were read one
by one whenever somebody looked at the team's load: a month of them, and of the untouched ones all. From here on
triggers add to two more tables what each change does to the counts of its UTC day, as migration 0011 does for the
counts of leads. The day on which a period begins is still read from the leads and contacts themselves, by two indexes
that each replace a narrower one.

Writers wait while what is there is counted, about a second for a million leads.
"""

from alembic import op

from lib import indexes

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _untouched(of: str = "") -> str:
    return (f"{of}status = 'enriched' AND ({of}last_contacted_at IS NULL OR {of}last_contacted_at < {of}assigned_at)")


INDEXES = {
    "leads_untouched_idx": "leads (company_id, assigned_at) INCLUDE (assigned_to_user_id) "
                           f"WHERE assigned_to_user_id IS NOT NULL AND {_untouched()}",
    "contact_attempts_recent_idx": "contact_attempts (company_id, occurred_at) "
                                   "INCLUDE (lead_id, user_id, method, direction)",
}
REPLACED = {
    "leads_ready_idx": "leads (company_id, assigned_to_user_id, assigned_at) INCLUDE (last_contacted_at) "
                       "WHERE status = 'enriched'",
    "contact_attempts_company_id_idx": "contact_attempts (company_id, occurred_at)",
}

CONTACTS = "contact_counts (company_id, day, user_id, email, linkedin, call, other, inbound"
DESKS = "desk_counts (company_id, day, owner_id, taken, untouched, converted"
KINDS = [*(f"direction = 'outbound' AND method = '{method}'" for method in ("email", "linkedin", "call", "other")),
         "direction = 'inbound'"]
OF_CONTACTS = f"""SELECT company_id, (occurred_at AT TIME ZONE 'UTC')::date, user_id,
           {', '.join(f"coalesce(sum(sign) FILTER (WHERE {kind}), 0)" for kind in KINDS)}
    FROM changed GROUP BY 1, 2, 3"""
# Each lead on the day on which it was taken, and on the one on which it was converted.
OF_LEADS = f"""SELECT company_id, day, assigned_to_user_id, sum(taken), sum(untouched), sum(converted)
    FROM (SELECT company_id, assigned_to_user_id, (assigned_at AT TIME ZONE 'UTC')::date AS day, sign AS taken,
                 CASE WHEN {_untouched()} THEN sign ELSE 0 END AS untouched, 0 AS converted
          FROM changed WHERE assigned_to_user_id IS NOT NULL AND assigned_at IS NOT NULL
          UNION ALL
          SELECT company_id, assigned_to_user_id, (converted_at AT TIME ZONE 'UTC')::date, 0, 0, sign
          FROM changed WHERE assigned_to_user_id IS NOT NULL AND status = 'converted' AND converted_at IS NOT NULL
         ) AS days
    GROUP BY 1, 2, 3 HAVING (sum(taken), sum(untouched), sum(converted)) <> (0, 0, 0)"""
LEAD = ("company_id", "assigned_to_user_id", "assigned_at", "status", "last_contacted_at", "converted_at")
CONTACT = ("company_id", "user_id", "method", "direction", "occurred_at")
TRIGGERS = {
    "leads": ("count_desks_added", "count_desks_removed", "count_desks_moved"),
    "contact_attempts": ("count_contacts_added", "count_contacts_removed", "count_contacts_moved"),
}
FUNCTIONS = ("count_changed_desks", "count_moved_desk", "count_changed_contacts", "count_moved_contact",
             "forget_desk_counts")


def upgrade() -> None:
    indexes.build(INDEXES)
    indexes.drop(REPLACED)
    _table("desk_counts", "owner_id", ("taken", "untouched", "converted"))
    op.execute("CREATE INDEX desk_counts_untouched_idx ON desk_counts (company_id, day, owner_id) INCLUDE (untouched) "
               "WHERE untouched <> 0")
    _table("contact_counts", "user_id", ("email", "linkedin", "call", "other", "inbound"))
    _functions()
    op.execute("LOCK TABLE leads, contact_attempts IN SHARE ROW EXCLUSIVE MODE")
    for table, function in (("leads", "count_changed_desks"), ("contact_attempts", "count_changed_contacts")):
        added, removed, _ = TRIGGERS[table]
        op.execute(f"CREATE TRIGGER {added} AFTER INSERT ON {table} REFERENCING NEW TABLE AS changed "
                   f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()")
        op.execute(f"CREATE TRIGGER {removed} AFTER DELETE ON {table} REFERENCING OLD TABLE AS changed "
                   f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()")
    # Most edits and contacts change nothing of this, and are not to pay for it.
    op.execute(f"CREATE TRIGGER count_desks_moved AFTER UPDATE ON leads FOR EACH ROW WHEN ({_on_desk('OLD')} "
               f"IS DISTINCT FROM {_on_desk('NEW')}) EXECUTE FUNCTION count_moved_desk()")
    op.execute("""
        CREATE TRIGGER count_contacts_moved AFTER UPDATE ON contact_attempts FOR EACH ROW WHEN (
            (OLD.company_id, OLD.user_id, OLD.method, OLD.direction, OLD.occurred_at) IS DISTINCT FROM
            (NEW.company_id, NEW.user_id, NEW.method, NEW.direction, NEW.occurred_at))
        EXECUTE FUNCTION count_moved_contact()""")
    # At the very end of the transaction, after what the removal of the company's leads has added.
    op.execute("CREATE CONSTRAINT TRIGGER forget_desk_counts AFTER DELETE ON companies DEFERRABLE INITIALLY DEFERRED "
               "FOR EACH ROW EXECUTE FUNCTION forget_desk_counts()")
    for counts, counted, table in ((DESKS, OF_LEADS, "leads"), (CONTACTS, OF_CONTACTS, "contact_attempts")):
        op.execute(f"INSERT INTO {counts}, is_sum) SELECT *, true FROM "
                   f"(WITH changed AS (SELECT *, 1 AS sign FROM {table}) {counted}) AS counted")


def downgrade() -> None:
    # First, so that a downgrade that is interrupted can be run again.
    indexes.build(REPLACED)
    indexes.drop(INDEXES)
    op.execute("DROP TRIGGER forget_desk_counts ON companies")
    for table, triggers in TRIGGERS.items():
        for trigger in triggers:
            op.execute(f"DROP TRIGGER {trigger} ON {table}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}()")
    op.drop_table("contact_counts")
    op.drop_table("desk_counts")


def _table(name: str, whose: str, numbers: tuple[str, ...]) -> None:
    columns = ", ".join(f"{number} integer NOT NULL" for number in numbers)
    op.execute(f"CREATE TABLE {name} (company_id uuid NOT NULL, day date NOT NULL, {whose} uuid NOT NULL, {columns}, "
               "is_sum boolean NOT NULL DEFAULT false)")
    op.execute(f"CREATE INDEX {name}_idx ON {name} (company_id, day, {whose}) INCLUDE ({', '.join(numbers)})")
    op.execute(f"CREATE INDEX {name}_new_idx ON {name} (company_id) WHERE NOT is_sum")
    # Rows come and go all the time, and are read from the index alone as long as VACUUM keeps up.
    op.execute(f"ALTER TABLE {name} SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500, "
               "autovacuum_vacuum_insert_scale_factor = 0.05)")


def _on_desk(lead: str) -> str:
    """What of a lead the counts of its owner's desk depend on."""
    return (f"({lead}.company_id, {lead}.assigned_to_user_id, {lead}.assigned_at, {_untouched(f'{lead}.')}, "
            f"CASE WHEN {lead}.status = 'converted' THEN {lead}.converted_at END)")


def _functions() -> None:
    added_or_removed = "DECLARE sign integer := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;"
    bodies = {
        "count_changed_desks": f"{added_or_removed} BEGIN INSERT INTO {DESKS}) {OF_LEADS}",
        "count_moved_desk": f"BEGIN INSERT INTO {DESKS}) WITH {_was_and_is(LEAD)} {OF_LEADS}",
        "count_changed_contacts": f"{added_or_removed} BEGIN INSERT INTO {CONTACTS}) {OF_CONTACTS}",
        "count_moved_contact": f"BEGIN INSERT INTO {CONTACTS}) WITH {_was_and_is(CONTACT)} {OF_CONTACTS}",
        "forget_desk_counts": "BEGIN DELETE FROM desk_counts WHERE company_id = OLD.id; "
                              "DELETE FROM contact_counts WHERE company_id = OLD.id",
    }
    for name, body in bodies.items():
        op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body}; RETURN NULL; END $$")


def _was_and_is(names: tuple[str, ...]) -> str:
    was, now = (", ".join(f"{row}.{name}" for name in names) for row in ("OLD", "NEW"))
    return f"changed (sign, {', '.join(names)}) AS (VALUES (-1, {was}), (1, {now}))"
