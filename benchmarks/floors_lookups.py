"""Floors of what is asked about a lead, its firm and the team, one statement each; see benchmarks/floors.py."""

DIRECTORY = """
    SELECT id, name, email, role, is_active, is_service, takes_leads, away_from, away_until, most_open_leads,
           last_assigned_at
    FROM users WHERE company_id = %(company)s ORDER BY lower(name), id"""

DUPLICATES = """
    SELECT id, first_name, last_name, email FROM leads WHERE company_id = %(company)s AND email = %(email)s LIMIT 3"""

LAST_CHANGE = """
    SELECT u.name, e.at, e.after -> 'status' FROM lead_events e LEFT JOIN users u ON u.id = e.actor_id
    WHERE e.company_id = %(company)s AND e.lead_id = %(id)s AND e.after ? 'status' ORDER BY e.id DESC LIMIT 1"""

RECENT_CONTACTS = """
    SELECT a.*, u.name, l.first_name, l.last_name, l.email, l.status, c.name
    FROM (SELECT * FROM contact_attempts WHERE company_id = %(company)s ORDER BY occurred_at DESC, id DESC LIMIT 20) a
    JOIN users u ON u.id = a.user_id JOIN leads l ON l.id = a.lead_id
    LEFT JOIN lead_companies c ON c.id = l.lead_company_id ORDER BY a.occurred_at DESC, a.id DESC"""

SAME_FIRM = """
    WITH latest AS (
        SELECT id, first_name, last_name, email, job_title, status, assigned_to_user_id, last_contact_method,
               greatest(last_contacted_at, last_response_at) AS touched_at, count(*) OVER () AS total
        FROM leads WHERE company_id = %(company)s AND id <> %(id)s AND lead_company_id = (
            SELECT lead_company_id FROM leads WHERE company_id = %(company)s AND id = %(id)s)
        ORDER BY touched_at DESC NULLS LAST, id LIMIT 5)
    SELECT latest.*, u.name, touch.*, author.name
    FROM latest LEFT JOIN users u ON u.id = latest.assigned_to_user_id
    LEFT JOIN LATERAL (SELECT occurred_at, method, direction, user_id FROM contact_attempts
                       WHERE lead_id = latest.id ORDER BY occurred_at DESC, id DESC LIMIT 1) touch ON true
    LEFT JOIN users author ON author.id = touch.user_id"""

RECENT_TOUCHES = """
    SELECT a.id, a.occurred_at, a.method, a.direction, a.outcome, a.user_id, u.name, a.lead_id, l.first_name,
           l.last_name, l.email, l.lead_company_id, c.name
    FROM leads l JOIN contact_attempts a ON a.lead_id = l.id JOIN users u ON u.id = a.user_id
    JOIN lead_companies c ON c.id = l.lead_company_id
    WHERE l.company_id = %(company)s AND a.user_id <> %(me)s AND a.occurred_at >= %(now)s - interval '14 days'
      AND l.lead_company_id IN (SELECT lead_company_id FROM leads WHERE company_id = %(company)s AND id = ANY (%(ids)s))
    ORDER BY a.occurred_at DESC, a.id DESC LIMIT 20"""

PASTED = """
    SELECT id, first_name, last_name, email, status FROM leads
    WHERE company_id = %(company)s AND email = ANY (%(emails)s) ORDER BY id"""
