"""Leads by their LinkedIn address, whatever way it is written

Whether a lead is there already is asked for every new lead and for every row of an import. The index is built
CONCURRENTLY and outside any transaction, so that a live team keeps working.
"""

from lib import indexes

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NAME = "leads_linkedin_key_idx"
# lib/models.py has the same expression, or the index is not used. It is cut off, because an entry has to be short.
KEY = """left(rtrim(regexp_replace(regexp_replace(translate(linkedin_url, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
    'abcdefghijklmnopqrstuvwxyz'), '[?#].*', ''), '^([a-z]+://)?(www[.]|[a-z]{1,3}[.](?=linkedin[.]com))?', ''), '/'),
    300)"""


def upgrade() -> None:
    indexes.build({NAME: f"leads (company_id, ({KEY})) WHERE linkedin_url IS NOT NULL"})


def downgrade() -> None:
    indexes.drop([NAME])
