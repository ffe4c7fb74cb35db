import pytest

from lib import pasted
from lib.errors import Invalid
from tests.factories import make_lead


@pytest.fixture
def ada(session, cast):
    return make_lead(session, cast.alice, first_name="Ada", email="ada@acme.example",
                     linkedin_url="https://www.linkedin.com/in/ada-lovelace/")


@pytest.fixture
def bob(session, cast):
    return make_lead(session, cast.alice, first_name="Bob", email="bob@acme.example",
                     linkedin_url="http://de.linkedin.com/in/bob?utm_source=share")


def test_addresses_find_their_leads_in_the_order_of_the_lines(session, cast, ada, bob):
    found = pasted.resolve(session, cast.tess, "bob@acme.example\n\n  ADA@Acme.example \n")

    assert found.ids == [bob, ada]
    assert (found.unknown, found.ambiguous) == ([], [])


@pytest.mark.parametrize("line", [
    "https://www.linkedin.com/in/ada-lovelace/", "linkedin.com/in/ada-lovelace", "LinkedIn.com/in/Ada-Lovelace",
    "http://uk.linkedin.com/in/ada-lovelace/?x=1#about", "Ada Lovelace <https://linkedin.com/in/ada-lovelace>",
    "Ada Lovelace <ada@acme.example>", "Lovelace;ada@acme.example;+49 30 1234"])
def test_an_address_is_found_however_it_is_written(session, cast, ada, line):
    assert pasted.resolve(session, cast.tess, [line]).ids == [ada]


def test_a_stored_address_is_found_however_it_was_stored(session, cast, bob):
    assert pasted.resolve(session, cast.tess, "https://www.linkedin.com/in/bob/").ids == [bob]


def test_a_lead_that_two_lines_name_comes_once(session, cast, ada):
    found = pasted.resolve(session, cast.tess, "ada@acme.example\nlinkedin.com/in/ada-lovelace\nada@acme.example")

    assert found.ids == [ada]


@pytest.mark.parametrize("line", ["nobody@acme.example", "linkedin.com/in/nobody", "Ada Lovelace", "@", "12345",
                                  "linkedin.com/in/a\0b", "\ud800@acme.example", "'; DROP TABLE leads; --",
                                  "x" * 10_000])
def test_a_line_that_names_nobody_is_listed(session, cast, ada, line):
    found = pasted.resolve(session, cast.tess, ["ada@acme.example", line])

    assert (found.ids, found.unknown) == ([ada], [line])


def test_a_line_that_several_leads_fit_is_listed_apart(session, cast, ada):
    make_lead(session, cast.alice, linkedin_url="linkedin.com/in/ada-lovelace")
    make_lead(session, cast.alice, linkedin_url="https://linkedin.com/in/ada-lovelace")

    found = pasted.resolve(session, cast.tess, "linkedin.com/in/ada-lovelace\nada@acme.example")

    assert (found.ids, found.ambiguous) == ([ada], ["linkedin.com/in/ada-lovelace"])


def test_another_companys_lead_is_unknown(session, cast, ada):
    assert pasted.resolve(session, cast.olga, "ada@acme.example").unknown == ["ada@acme.example"]


def test_up_to_five_hundred_lines_are_looked_up(session, cast, ada):
    lines = [f"nobody{number}@acme.example" for number in range(pasted.MOST_LINES - 1)] + ["ada@acme.example"]
    assert len(pasted.resolve(session, cast.tess, lines).unknown) == pasted.MOST_LINES - 1

    with pytest.raises(Invalid, match="These are 501 lines; at most 500") as refusal:
        pasted.resolve(session, cast.tess, [*lines, "one-more@acme.example"])
    assert list(refusal.value.fields) == ["lines"]


@pytest.mark.parametrize("address", ["https://www.linkedin.com/in/ada", "http://linkedin.com/in/ada///",
                                     "https://linkedin.com/company/x/?a=1", "https://de.linkedin.com/in/ada"])
def test_a_pasted_profile_is_found_however_it_is_written(session, cast, address):
    lead_id = make_lead(session, cast.alice, linkedin_url=address)

    bare = address.split("linkedin.com")[1].rstrip("/").split("?")[0].rstrip("/")
    for line in (address, f"linkedin.com{bare}", f"HTTPS://WWW.LINKEDIN.COM{bare}/?trk=1"):
        assert pasted.resolve(session, cast.tess, [line]).ids == [lead_id]


@pytest.mark.parametrize("between", ["; ", ", ", "\t", " ", ">, Bob <"])
def test_every_address_of_a_line_is_looked_up_or_named(session, cast, ada, between):
    bob = make_lead(session, cast.alice, email="bob@acme.example", linkedin_url="linkedin.com/in/bob")

    found = pasted.resolve(session, cast.tess, between.join(
        ["ada@acme.example", "nobody@acme.example", "https://linkedin.com/in/bob"]))

    assert (found.ids, found.unknown, found.ambiguous) == ([ada, bob], ["nobody@acme.example"], [])
