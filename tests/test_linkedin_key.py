"""One LinkedIn profile has many addresses: Python and the database have to see the same one in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import bindparam, text

from lib.fields import linkedin_key
from lib.models import LINKEDIN_KEY

IN_SQL = text("SELECT " + LINKEDIN_KEY + " FROM (SELECT CAST(:url AS text) AS linkedin_url) AS leads")
PIECES = st.sampled_from(["https://", "HTTP://", "www.", "de.", "m.", "linkedin.com", "LinkedIn.com", "/in/", "ada", "/",
                          "?", "#", "trk=x", "İ", "ß", "É", "Σ", "\n", " ", ".", "A", "x" * 150, "%C3%A9"])
ANY_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))


@pytest.mark.parametrize("url", [
    "https://www.linkedin.com/in/ada", "http://linkedin.com/in/ada/", "linkedin.com/in/Ada",
    "https://de.linkedin.com/in/ada?trk=people", "HTTPS://WWW.LINKEDIN.COM/in/ada/#about", "m.linkedin.com/in/ada//",
])
def test_the_same_profile_has_one_key(url):
    assert linkedin_key(url) == "linkedin.com/in/ada"


@pytest.mark.parametrize(("url", "key"), [
    ("https://linkedin.com/in/bob", "linkedin.com/in/bob"), ("https://de.example.com/ada", "de.example.com/ada"),
    ("https://www.example.com/x", "example.com/x"), ("", ""), (None, None),
    ("linkedin.com/in/" + "a" * 400, "linkedin.com/in/" + "a" * 284),
])
def test_another_address_has_another_key(url, key):
    assert linkedin_key(url) == key


@given(url=st.lists(PIECES, max_size=12).map("".join) | ANY_TEXT)
def test_the_database_makes_the_same_key(session, url):
    assert session.scalar(IN_SQL, {"url": url}) == linkedin_key(url)


def test_the_look_up_uses_its_index(session, cast):
    session.execute(text("SET LOCAL enable_seqscan = off"))
    # In an empty table every index that begins with the company is as good as any other.
    for name in session.scalars(text("SELECT indexname FROM pg_indexes WHERE tablename = 'leads' AND indexname NOT IN "
                                     "('leads_pkey', 'leads_linkedin_key_idx')")).all():
        session.execute(text(f"DROP INDEX {name}"))
    statement = text(f"EXPLAIN SELECT id FROM leads WHERE company_id = :company AND {LINKEDIN_KEY} IN :keys "
                     "AND leads.linkedin_url IS NOT NULL").bindparams(bindparam("keys", expanding=True))

    plan = session.scalars(statement, {"company": cast.alice.company_id, "keys": ["a", "b"]}).all()

    assert any("leads_linkedin_key_idx" in line and "Index" in line for line in plan), plan
