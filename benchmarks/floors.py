"""The work of each data-access function as one statement, written by hand: what there is to be measured against.

A statement reads and writes the rows that the function does, with the same rules in its conditions: a write locks the
lead, checks what the user saw and may do, changes it, and adds the event and, for a contact, the attempt.
"""

LISTED = ("l.id, l.first_name, l.last_name, l.email, l.job_title, l.status, l.assigned_to_user_id, "
          "l.last_contacted_at, l.last_contact_method, l.contact_count, l.score, l.tags, l.lead_company_id, c.name")

WAITING = "last_contacted_at NULLS FIRST, id"
SCORE = "score DESC NULLS LAST, id DESC"
MINE = "company_id = %(company)s AND assigned_to_user_id = %(me)s"
OPEN = "status IN ('new', 'enriched', 'contacted', 'conversing', 'qualified')"
DUE = "status IN ('contacted', 'conversing') AND last_contacted_at < %(due)s"

# By the key of lib.views.VIEWS: the condition and the order.
VIEWS = {
    "mine": (MINE, WAITING),
    "ready": (f"{MINE} AND status = 'enriched'", SCORE),
    "conversing": (f"{MINE} AND status = 'conversing'", WAITING),
    "due": (f"company_id = %(company)s AND {DUE}", WAITING),
    "my-due": (f"{MINE} AND {DUE}", WAITING),
    "quiet": (f"{MINE} AND {OPEN} AND last_contacted_at < %(quiet)s", WAITING),
    "unanswered": (f"{MINE} AND status = 'contacted' AND contact_count >= 3", WAITING),
    "email": (f"{MINE} AND last_contact_method = 'email'", WAITING),
    "linkedin": (f"{MINE} AND last_contact_method = 'linkedin'", WAITING),
    "call": (f"{MINE} AND last_contact_method = 'call'", WAITING),
    "unassigned": (f"company_id = %(company)s AND assigned_to_user_id IS NULL AND {OPEN}", SCORE),
}

ALL = "company_id = %(company)s"
# Lists of all leads: by the key of lib.orders.ORDERS, and with one filter each.
ORDERS = {
    "newest": "created_at DESC NULLS LAST, id DESC", "score": SCORE,
    "name": "lower(coalesce(last_name, '') || ' ' || coalesce(first_name, '')) NULLS LAST, id",
    "contacts": "contact_count DESC NULLS LAST, id DESC", "email": "lower(email) NULLS LAST, id",
}
FILTERS = {
    "a tag": f"{ALL} AND tags && ARRAY['autumn']", "no such tag": f"{ALL} AND tags && ARRAY['zzqxq']",
    "a source": f"{ALL} AND source IN ('scraper')", "score from 90": f"{ALL} AND score >= 90",
    "no e-mail": f"{ALL} AND NOT coalesce(email, '') <> ''",
    "contacted, not lately": f"{ALL} AND last_contacted_at < %(quiet)s AND contact_count >= 3",
}
BEHIND = f"{ALL} AND (last_contacted_at, id) > (%(at)s, %(id)s)"
SEARCH = (
    "company_id = %(company)s AND ((lower(coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' ' || "
    "coalesce(email, '') || ' ' || coalesce(phone, '') || ' ' || coalesce(linkedin_url, ''))) LIKE %(pattern)s OR lead_company_id = ANY (ARRAY(SELECT id FROM lead_companies "
    "WHERE company_id = %(company)s AND lower(name) LIKE %(pattern)s)))")

NUMBERS = f"""
    SELECT (SELECT sum(n) FROM lead_status_counts WHERE company_id = %(company)s AND owner_id = %(me)s),
           (SELECT sum(n) FROM lead_status_counts WHERE company_id = %(company)s AND owner_id = %(me)s
            AND status = 'enriched'),
           (SELECT sum(n) FROM lead_status_counts WHERE company_id = %(company)s AND owner_id = %(me)s
            AND status = 'conversing'),
           (SELECT sum(n) FROM follow_up_counts WHERE company_id = %(company)s AND day < (%(due)s AT TIME ZONE 'UTC')::date),
           (SELECT sum(n) FROM owner_follow_up_counts
            WHERE company_id = %(company)s AND owner_id = %(me)s AND day < (%(due)s AT TIME ZONE 'UTC')::date),
           last.* FROM (SELECT count(*), count(*) FILTER (WHERE assigned_to_user_id = %(me)s) FROM leads
                        WHERE company_id = %(company)s AND {DUE} AND last_contacted_at >= date_trunc('day', %(due)s)) AS last"""

WORKLOAD = f"""
    SELECT owner_id, status, sum(n) FROM lead_status_counts WHERE {ALL} GROUP BY 1, 2"""

ROWS = f"""
    SELECT {LISTED} FROM leads l LEFT JOIN lead_companies c ON c.id = l.lead_company_id
    WHERE l.company_id = %(company)s AND l.id = ANY (%(ids)s)"""

FIND = """
    SELECT l.*, c.name, c.domain, c.industry, u.name, u.is_active FROM leads l
    LEFT JOIN lead_companies c ON c.id = l.lead_company_id LEFT JOIN users u ON u.id = l.assigned_to_user_id
    WHERE l.company_id = %(company)s AND l.id = %(id)s"""

TIMELINE = """
    SELECT e.id, e.at, e.action, e.source, e.before, e.after, e.batch_id, e.actor_id, u.name,
           EXISTS (SELECT FROM lead_events n WHERE n.undoes_batch_id = e.batch_id AND n.lead_id = e.lead_id),
           a.method, a.direction, a.subject, a.notes, a.occurred_at
    FROM lead_events e LEFT JOIN users u ON u.id = e.actor_id
    LEFT JOIN contact_attempts a ON a.lead_id = e.lead_id AND a.batch_id = e.batch_id
    WHERE e.company_id = %(company)s AND e.lead_id = %(id)s ORDER BY e.id DESC LIMIT 50"""

SIGN_IN = """
    SELECT u.id, u.name, u.role, u.is_active, u.company_id, c.name, c.follow_up_days FROM users m
    JOIN users u ON u.company_id = m.company_id JOIN companies c ON c.id = u.company_id
    WHERE m.id = %(me)s ORDER BY lower(u.name), u.id"""


def page(condition: str, order: str = WAITING, *, offset: int = 0, count: str | None = None,
         limit_of_count: int = 10_000, whole: bool = False) -> str:
    """The ids first, from an index, and then fifty rows; beside them how many there are, up to a bound, or ``whole``
    rows with their owners, and no count."""
    key = order.rsplit(",", 1)[0].replace(" DESC", "").replace(" NULLS LAST", "").replace(" NULLS FIRST", "")
    counted = (f"(SELECT count(*) FROM (SELECT 1 FROM leads WHERE {count or condition} LIMIT {limit_of_count + 1}) "
               "AS counted)")
    owner = "(SELECT u.name FROM users u WHERE u.id = l.assigned_to_user_id)"
    return f"""
        SELECT {f'l.*, c.name, {owner}' if whole else f'{LISTED}, {counted}'}, p.sorted_by
        FROM (SELECT id, {key} AS sorted_by FROM leads WHERE {condition} ORDER BY {order} LIMIT 51 OFFSET {offset}) AS p
        JOIN leads l ON l.id = p.id LEFT JOIN lead_companies c ON c.id = l.lead_company_id
        ORDER BY {order.replace(key, 'p.sorted_by').replace(' id', ' p.id')}"""


# ---------------------------------------------------------------- writing

_LOCKED = """
    locked AS (SELECT * FROM leads WHERE company_id = %(company)s AND id = ANY (%(ids)s)
                 AND (assigned_to_user_id IS NULL OR assigned_to_user_id = %(me)s OR %(leads_team)s)
               ORDER BY id FOR UPDATE)"""
_EVENT = ("INSERT INTO lead_events (company_id, lead_id, batch_id, actor_id, source, action, before, after, at) "
          "SELECT %(company)s, locked.id, %(batch)s, %(me)s, 'ui'")

EDIT_STATUS = f"""
    WITH {_LOCKED}, changed AS (
        UPDATE leads SET status = %(to)s FROM locked WHERE leads.id = locked.id AND locked.status = %(seen)s
        RETURNING leads.id)
    {_EVENT}, 'status_changed', jsonb_build_object('status', locked.status), jsonb_build_object('status', %(to)s::text),
           %(now)s
    FROM locked JOIN changed USING (id)"""

ASSIGN = f"""
    WITH owner AS (SELECT id FROM users WHERE company_id = %(company)s AND id = %(to)s AND is_active FOR SHARE),
    {_LOCKED}, changed AS (
        UPDATE leads SET assigned_to_user_id = owner.id, assigned_at = %(now)s FROM locked, owner
        WHERE leads.id = locked.id AND locked.assigned_to_user_id IS DISTINCT FROM owner.id RETURNING leads.id)
    {_EVENT}, 'assigned',
           jsonb_build_object('assigned_to_user_id', locked.assigned_to_user_id, 'assigned_at', locked.assigned_at),
           jsonb_build_object('assigned_to_user_id', %(to)s::uuid, 'assigned_at', %(now)s::timestamptz), %(now)s
    FROM locked JOIN changed USING (id)"""

_CONTACT = f"""
    {_LOCKED}, changed AS (
        UPDATE leads SET contact_count = leads.contact_count + 1,
            last_contacted_at = greatest(leads.last_contacted_at, %(now)s),
            last_contact_method = CASE WHEN %(now)s >= leads.last_contacted_at IS NOT FALSE THEN 'call'
                                  ELSE leads.last_contact_method END,
            status = CASE WHEN leads.status IN ('new', 'enriched') THEN 'contacted' ELSE leads.status END
        FROM locked WHERE leads.id = locked.id
        RETURNING leads.id, leads.contact_count, leads.last_contacted_at, leads.last_contact_method, leads.status),
    attempt AS (
        INSERT INTO contact_attempts (company_id, lead_id, batch_id, method, direction, notes, occurred_at, user_id)
        SELECT %(company)s, id, %(batch)s, 'call', 'outbound', 'Talked about prices.', %(now)s, %(me)s FROM changed)"""
_CONTACT_EVENT = f"""
    {_EVENT}, 'contacted',
           jsonb_build_object('contact_count', locked.contact_count, 'last_contacted_at', locked.last_contacted_at,
                              'last_contact_method', locked.last_contact_method, 'status', locked.status),
           jsonb_build_object('contact_count', changed.contact_count, 'last_contacted_at', changed.last_contacted_at,
                              'last_contact_method', changed.last_contact_method, 'status', changed.status), %(now)s
    FROM locked JOIN changed USING (id)"""

LOG_CONTACT = f"WITH {_CONTACT} {_CONTACT_EVENT}"
# The answer is known before the contact is logged, but for leads that turn out to be missing.
LOG_CONTACT_ONCE = f"""
    WITH claimed AS (
        INSERT INTO idempotency_keys (owner_id, key, company_id, request_hash, answer)
        VALUES (%(me)s, %(key)s, %(company)s, %(hash)s, jsonb_build_object('batch_id', %(batch)s::uuid))
        ON CONFLICT DO NOTHING RETURNING key),
    {_CONTACT} {_CONTACT_EVENT} CROSS JOIN claimed"""

UNDO_STATUS = """
    WITH event AS (
        SELECT lead_id, before ->> 'status' AS was, after ->> 'status' AS became FROM lead_events
        WHERE company_id = %(company)s AND batch_id = %(batch)s AND actor_id = %(me)s),
    locked AS (SELECT leads.id, leads.status FROM leads JOIN event ON event.lead_id = leads.id
               WHERE leads.company_id = %(company)s FOR UPDATE OF leads),
    changed AS (
        UPDATE leads SET status = event.was::lead_status FROM locked, event
        WHERE leads.id = locked.id AND event.lead_id = locked.id AND locked.status::text = event.became AND NOT EXISTS (
            SELECT FROM lead_events WHERE company_id = %(company)s AND undoes_batch_id = %(batch)s)
        RETURNING leads.id, event.was, event.became)
    INSERT INTO lead_events
           (company_id, lead_id, batch_id, undoes_batch_id, actor_id, source, action, before, after, at)
    SELECT %(company)s, id, %(undo)s, %(batch)s, %(me)s, 'ui', 'undone', jsonb_build_object('status', became),
           jsonb_build_object('status', was), %(now)s FROM changed"""

CREATE = """
    WITH firm AS (
        SELECT id FROM lead_companies WHERE company_id = %(company)s AND lower(name) = lower(%(firm)s) LIMIT 1),
    made AS (
        INSERT INTO leads (company_id, first_name, last_name, email, source, lead_company_id)
        SELECT %(company)s, 'Ada', 'Lovelace', %(email)s, 'benchmark', id FROM firm
        ON CONFLICT DO NOTHING RETURNING id)
    INSERT INTO lead_events (company_id, lead_id, batch_id, actor_id, source, action, before, after, at)
    SELECT %(company)s, id, %(batch)s, %(me)s, 'ui', 'created', '{}',
           jsonb_build_object('first_name', 'Ada', 'last_name', 'Lovelace', 'email', %(email)s::text,
                              'source', 'benchmark'), %(now)s FROM made"""

ENRICH = f"""
    WITH {_LOCKED}, changed AS (
        UPDATE leads SET enrichment_data = coalesce(leads.enrichment_data, '{{}}') || %(found)s,
            status = CASE WHEN leads.status = 'new' THEN 'enriched' ELSE leads.status END
        FROM locked WHERE leads.id = locked.id RETURNING leads.id, leads.enrichment_data, leads.status)
    {_EVENT}, 'enriched',
           jsonb_build_object('enrichment_data', locked.enrichment_data, 'status', locked.status),
           jsonb_build_object('enrichment_data', changed.enrichment_data, 'status', changed.status), %(now)s
    FROM locked JOIN changed USING (id)"""
