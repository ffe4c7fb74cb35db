"""Floors of the statistics and of everybody's desk, one statement each; see benchmarks/floors.py.

They count by the same rules as lib/workload.py, replies.py, attribution.py and funnel.py, over the same period.
"""

OPEN = "status NOT IN ('converted', 'lost')"
NOBODY = "'00000000-0000-0000-0000-000000000000'"
IN_ORDER = "occurred_at, direction DESC, id"

BY_REP = f"""
    SELECT 'open', owner_id, status::text, sum(n), 0, NULL, NULL::float FROM lead_status_counts
    WHERE company_id = %(company)s AND owner_id <> {NOBODY} AND {OPEN} GROUP BY owner_id, status HAVING sum(n) <> 0
    UNION ALL
    SELECT 'due', due.owner_id, NULL, due.n, 0, oldest.at, NULL
    FROM (SELECT owner_id, sum(n) AS n FROM (
              SELECT owner_id, n FROM owner_follow_up_counts
              WHERE company_id = %(company)s AND day < (%(due)s AT TIME ZONE 'UTC')::date
              UNION ALL
              SELECT assigned_to_user_id, 1 FROM leads
              WHERE company_id = %(company)s AND assigned_to_user_id IS NOT NULL AND status IN ('contacted', 'conversing')
                AND last_contacted_at >= date_trunc('day', %(due)s) AND last_contacted_at < %(due)s) AS days
          GROUP BY owner_id HAVING sum(n) <> 0) AS due,
    LATERAL (SELECT last_contacted_at AS at FROM leads
             WHERE company_id = %(company)s AND assigned_to_user_id = due.owner_id
               AND status IN ('contacted', 'conversing') AND last_contacted_at < %(due)s
             ORDER BY last_contacted_at NULLS FIRST LIMIT 1) AS oldest
    UNION ALL
    SELECT 'waiting', owner_id, NULL, sum(n), 0, NULL, NULL
    FROM (SELECT owner_id, untouched AS n FROM desk_counts
          WHERE company_id = %(company)s AND untouched <> 0 AND day < (%(now)s - interval '2 days')::date
          UNION ALL
          SELECT assigned_to_user_id, 1 FROM leads
          WHERE company_id = %(company)s AND assigned_to_user_id IS NOT NULL
            AND (status = 'enriched' AND (last_contacted_at IS NULL OR last_contacted_at < assigned_at))
            AND assigned_at >= date_trunc('day', %(now)s - interval '2 days')
            AND assigned_at < %(now)s - interval '2 days') AS days
    GROUP BY owner_id
    UNION ALL
    SELECT kind, user_id, ARRAY[sum(email), sum(linkedin), sum(call), sum(other), sum(inbound)]::text, 0, 0, NULL, NULL
    FROM (SELECT kind, user_id, email, linkedin, call, other, inbound
          FROM contact_counts, (VALUES ('week', interval '7 days'), ('month', '30 days')) AS period (kind, long)
          WHERE company_id = %(company)s AND day > (%(now)s - long)::date
          UNION ALL
          SELECT kind, user_id, (direction = 'outbound' AND method = 'email')::int,
                 (direction = 'outbound' AND method = 'linkedin')::int,
                 (direction = 'outbound' AND method = 'call')::int,
                 (direction = 'outbound' AND method = 'other')::int, (direction = 'inbound')::int
          FROM contact_attempts, (VALUES ('week', interval '7 days'), ('month', '30 days')) AS period (kind, long)
          WHERE company_id = %(company)s AND occurred_at >= %(now)s - long
            AND occurred_at < date_trunc('day', %(now)s - long) + interval '1 day') AS days
    GROUP BY kind, user_id
    UNION ALL
    SELECT 'desk', owner_id, NULL, sum(taken), sum(converted), NULL, NULL
    FROM (SELECT owner_id, taken, converted FROM desk_counts
          WHERE company_id = %(company)s AND day > (%(now)s - interval '30 days')::date
          UNION ALL
          SELECT assigned_to_user_id, 1, 0 FROM leads
          WHERE company_id = %(company)s AND assigned_to_user_id IS NOT NULL
            AND assigned_at >= %(now)s - interval '30 days'
            AND assigned_at < date_trunc('day', %(now)s - interval '30 days') + interval '1 day'
          UNION ALL
          SELECT assigned_to_user_id, 0, 1 FROM leads
          WHERE company_id = %(company)s AND assigned_to_user_id IS NOT NULL AND status = 'converted'
            AND converted_at >= %(now)s - interval '30 days'
            AND converted_at < date_trunc('day', %(now)s - interval '30 days') + interval '1 day') AS days
    GROUP BY owner_id"""

FIRST_TOUCHES = """
    SELECT l.assigned_to_user_id, count(*), count(touch.at),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM touch.at - l.assigned_at))
    FROM leads l LEFT JOIN LATERAL (
        SELECT occurred_at AS at FROM contact_attempts
        WHERE lead_id = l.id AND direction = 'outbound' AND occurred_at >= l.assigned_at
        ORDER BY occurred_at LIMIT 1) AS touch ON true
    WHERE l.company_id = %(company)s AND l.assigned_to_user_id IS NOT NULL
      AND l.assigned_at >= %(now)s - interval '30 days'
    GROUP BY l.assigned_to_user_id"""

POOL = f"""
    SELECT width_bucket(extract(epoch FROM %(now)s - created_at) / 86400, ARRAY[1, 3, 7, 30]::numeric[]) AS age, source,
           count(*)
    FROM leads WHERE company_id = %(company)s AND assigned_to_user_id IS NULL AND {OPEN} GROUP BY 1, 2 ORDER BY 1, 2"""

UNASSIGNED = f"""
    SELECT sum(n) FROM lead_status_counts WHERE company_id = %(company)s AND owner_id = {NOBODY} AND {OPEN}"""

TAGS = """
    SELECT tag, count(*) FROM leads, unnest(tags) AS tag WHERE company_id = %(company)s
    GROUP BY tag ORDER BY 2 DESC, tag LIMIT 500"""

BY_CHANNEL = f"""
    SELECT method, count(*), count(*) FILTER (WHERE successful OR next = 'inbound')
    FROM (SELECT method, direction, successful, lead(direction) OVER (PARTITION BY lead_id ORDER BY {IN_ORDER}) AS next
          FROM contact_attempts WHERE company_id = %(company)s AND occurred_at >= %(since)s) AS touches
    WHERE direction = 'outbound' GROUP BY 1 ORDER BY 1"""

# The whole history of the leads that were touched in the period.
_HISTORY = """
    FROM contact_attempts WHERE company_id = %(company)s AND lead_id IN (
        SELECT lead_id FROM contact_attempts WHERE company_id = %(company)s AND occurred_at >= %(since)s)"""

BY_ATTEMPT = f"""
    SELECT attempt, count(*), count(*) FILTER (WHERE successful OR next = 'inbound')
    FROM (SELECT direction, successful, occurred_at,
                 lead(direction) OVER (PARTITION BY lead_id ORDER BY {IN_ORDER}) AS next,
                 count(*) FILTER (WHERE direction = 'outbound') OVER (
                     PARTITION BY lead_id ORDER BY {IN_ORDER} ROWS UNBOUNDED PRECEDING) AS attempt {_HISTORY}) AS touches
    WHERE direction = 'outbound' AND occurred_at >= %(since)s GROUP BY 1 ORDER BY 1"""

TIME_TO_REPLY = f"""
    SELECT count(*), count(seconds), percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY seconds)
    FROM (SELECT extract(epoch FROM (SELECT min(occurred_at) FROM contact_attempts r
                                     WHERE r.lead_id = first.lead_id AND direction = 'inbound'
                                       AND r.occurred_at >= first.at) - first.at) AS seconds
          FROM (SELECT lead_id, min(occurred_at) AS at FROM (
                    SELECT lead_id, occurred_at, direction {_HISTORY}) AS touches
                WHERE direction = 'outbound' GROUP BY 1 HAVING min(occurred_at) >= %(since)s) AS first) AS replies"""

_WON = f"""
    SELECT t.method, row_number() OVER (PARTITION BY l.id ORDER BY {IN_ORDER.replace(' id', ' t.id')}) AS place,
           count(*) OVER (PARTITION BY l.id) AS many
    FROM leads l LEFT JOIN contact_attempts t ON t.lead_id = l.id
        AND (l.converted_at IS NULL OR t.occurred_at <= l.converted_at)"""

SHARES = f"""
    SELECT method, count(*) FILTER (WHERE place = 1), count(*) FILTER (WHERE place = many), sum(1.0::float / many)
    FROM ({_WON} WHERE l.company_id = %(company)s AND l.status = 'converted') AS touches
    GROUP BY 1 ORDER BY 1"""

CONVERSION_BY_CHANNEL = f"""
    SELECT method, count(*) FILTER (WHERE first), count(*) FILTER (WHERE first AND won),
           count(*) FILTER (WHERE last), count(*) FILTER (WHERE last AND won)
    FROM (SELECT t.method, t.occurred_at, l.id IS NOT NULL AS won,
                 row_number() OVER touches = 1 AS first, lead(1) OVER touches IS NULL AS last
          FROM contact_attempts t LEFT JOIN leads l
              ON l.id = t.lead_id AND l.company_id = %(company)s AND l.status = 'converted'
          WHERE t.company_id = %(company)s AND (l.converted_at IS NULL OR t.occurred_at <= l.converted_at)
            AND t.lead_id IN (SELECT lead_id FROM contact_attempts
                              WHERE company_id = %(company)s AND occurred_at >= %(since)s)
          WINDOW touches AS (PARTITION BY t.lead_id ORDER BY {IN_ORDER.replace(' id', ' t.id')})) AS touches
    WHERE (first OR last) AND occurred_at >= %(since)s GROUP BY 1 ORDER BY 1"""

ACTIVITY = """
    SELECT (occurred_at AT TIME ZONE 'Europe/Berlin')::date, method, direction, count(*) FROM contact_attempts
    WHERE company_id = %(company)s AND occurred_at >= %(since)s GROUP BY 1, 2, 3"""

LOST_REASONS = """
    SELECT lost_reason, count(*) FROM leads WHERE company_id = %(company)s AND status = 'lost' GROUP BY 1"""
