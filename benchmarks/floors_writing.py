"""Floors of what is done with many leads at once, one statement each; see benchmarks/floors.py."""

from benchmarks.floors import _EVENT, _LOCKED

SET_STATUS = f"""
    WITH {_LOCKED}, changed AS (
        UPDATE leads SET status = %(to)s FROM locked WHERE leads.id = locked.id AND locked.status <> %(to)s
        RETURNING leads.id)
    {_EVENT}, 'status_changed', jsonb_build_object('status', locked.status), jsonb_build_object('status', %(to)s::text),
           %(now)s
    FROM locked JOIN changed USING (id)"""

# The tag goes where it is not, and the other of the two goes away.
TAG = f"""
    WITH {_LOCKED}, wanted AS (
        SELECT id, tags, array_remove(array_remove(tags, 'benchmark-0'), 'benchmark-1') || %(tag)s::text AS after
        FROM locked),
    changed AS (UPDATE leads SET tags = wanted.after FROM wanted WHERE leads.id = wanted.id AND wanted.tags <> wanted.after
                RETURNING leads.id)
    {_EVENT}, 'edited', jsonb_build_object('tags', locked.tags), jsonb_build_object('tags', wanted.after), %(now)s
    FROM wanted JOIN locked USING (id) JOIN changed USING (id)"""

RECEIVE = """
    WITH made AS (
        INSERT INTO leads (company_id, first_name, last_name, email, source)
        SELECT %(company)s, 'Ada', 'Lovelace', email, 'benchmark' FROM unnest(%(emails)s::text[]) AS email
        ON CONFLICT DO NOTHING RETURNING id, email)
    INSERT INTO lead_events (company_id, lead_id, batch_id, actor_id, source, action, before, after, at)
    SELECT %(company)s, id, %(batch)s, %(me)s, 'ui', 'created', '{}',
           jsonb_build_object('first_name', 'Ada', 'last_name', 'Lovelace', 'email', email, 'source', 'benchmark'), %(now)s
    FROM made"""
