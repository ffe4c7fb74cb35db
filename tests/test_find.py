import uuid

import pytest

from lib import leads
from lib.errors import NotFound
from tests.factories import make_firm, make_lead


def test_it_knows_the_firm_and_the_owner(session, cast):
    firm = make_firm(session, cast.alice, "Globex")
    lead_id = make_lead(session, cast.alice, owner=cast.bob, lead_company_id=firm, notes="Call after lunch")

    lead = leads.find(session, cast.alice, lead_id)

    assert (lead.id, lead.company, lead.owner, lead.owner_is_active) == (lead_id, "Globex", "Bob Brown", True)
    assert lead.notes == "Call after lunch"


def test_it_finds_a_lead_without_firm_or_owner(session, cast):
    lead = leads.find(session, cast.alice, make_lead(session, cast.alice))

    assert (lead.company, lead.owner, lead.owner_is_active) == (None, None, None)


def test_it_says_that_the_owner_has_left(session, cast):
    lead = leads.find(session, cast.alice, make_lead(session, cast.alice, owner=cast.lea))

    assert (lead.owner, lead.owner_is_active) == ("Lea Lang", False)


def test_it_says_the_same_of_a_missing_lead_and_of_another_companys(session, cast):
    theirs = make_lead(session, cast.olga)

    for lead_id in (uuid.uuid4(), theirs):
        with pytest.raises(NotFound, match=r"^There is no such lead\.$"):
            leads.find(session, cast.alice, lead_id)


@pytest.mark.parametrize(("known", "name"), [
    ({"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com"}, "Ada Lovelace"),
    ({"first_name": None, "last_name": "Lovelace", "email": "ada@example.com"}, "Lovelace"),
    ({"first_name": "Ada", "last_name": None, "email": None}, "Ada"),
    ({"first_name": None, "last_name": None, "email": "ada@example.com"}, "ada@example.com"),
    ({"first_name": None, "last_name": None, "email": None}, "Unnamed lead"),
])
def test_it_can_be_named_in_a_sentence(session, cast, known, name):
    assert leads.name_of(leads.find(session, cast.alice, make_lead(session, cast.alice, **known))) == name
