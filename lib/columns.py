"""Which column of a file holds which field of a lead, and what a row comes to by that."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lib.errors import Invalid
from lib.fields import LABELS, NEW_CHECKS, clean_all

# What a column can be taken for, in the order of a menu. “name” is a whole one in a single column.
FIELDS = {"name": "Name (first and last)"} | {field: LABELS[field] for field in (
    "first_name", "last_name", "job_title", "company", "email", "phone", "linkedin_url", "status", "score", "tags",
    "notes", "source", "source_workflow")}
# What else they are called, with everything but letters left out.
ALSO_CALLED = {
    "name": ("fullname", "contact", "contactname", "leadname", "person", "personname", "lead", "prospect",
             "vollständigername", "ansprechpartner"),
    "first_name": ("firstname", "givenname", "forename", "first", "vorname", "prénom", "prenom", "nombre"),
    "last_name": ("lastname", "surname", "familyname", "last", "secondname", "nachname", "familienname", "apellido",
                  "apellidos", "nomdefamille"),
    "job_title": ("jobtitle", "title", "position", "role", "job", "function", "jobposition", "headline",
                  "currenttitle", "currentposition", "funktion", "berufsbezeichnung", "poste"),
    "company": ("companyname", "firm", "organisation", "organization", "organizationname", "account", "accountname",
                "employer", "currentcompany", "business", "firma", "unternehmen", "société", "entreprise", "empresa"),
    "email": ("emailaddress", "mail", "emailid", "workemail", "businessemail", "emails", "primaryemail",
              "mailadresse", "emailadresse", "courriel", "correo"),
    "phone": ("phonenumber", "telephone", "tel", "mobile", "mobilephone", "cell", "directphone", "workphone",
              "telefon", "telefonnummer", "handy", "téléphone", "teléfono", "mobil"),
    "linkedin_url": ("linkedin", "linkedinurl", "linkedinprofile", "linkedinprofileurl", "profileurl",
                     "linkedinlink", "personlinkedinurl", "linkedinaddress"),
    "status": ("leadstatus", "stage", "leadstage"),
    "score": ("leadscore", "rating", "points"),
    "tags": ("tag", "labels", "label", "keywords", "schlagworte", "étiquettes"),
    "notes": ("note", "comment", "comments", "remarks", "notiz", "notizen", "bemerkung", "bemerkungen"),
    "source": ("leadsource", "origin", "quelle"),
    "source_workflow": ("workflow", "sourceworkflow"),
}
_FIELD = {called: field for field, names in ALSO_CALLED.items()
          for called in (re.sub(r"[\W\d_]", "", FIELDS[field].lower()), field.replace("_", ""), *names)}
# Parts of a family name that stand before it.
PARTICLES = {"al", "bin", "da", "de", "del", "della", "den", "der", "di", "dos", "du", "la", "le", "ten", "ter", "van",
             "von", "zu", "zum", "zur"}


def guess(header: Sequence[str]) -> dict[int, str]:
    """The field of each column that its heading gives away, by the column's place; each field once."""
    found: dict[int, str] = {}
    for index, heading in enumerate(header):
        field = _FIELD.get(re.sub(r"[\W\d_]", "", heading.lower()))
        if field and field not in found.values():
            found[index] = field
    return found


def check(columns: Mapping[int, str], header: Sequence[str]) -> None:
    """Raise Invalid where a field is wanted from two columns, or nothing that a lead can be known by from any."""
    places: dict[str, int] = {}
    for index, field in sorted(columns.items()):
        if field not in FIELDS or not 0 <= index < len(header):
            raise Invalid.field("columns", f"“{field}” is not a field that can be imported.")
        if field in places:
            raise Invalid.field("columns", f"{FIELDS[field]} is chosen for two columns, “{header[places[field]]}” and "
                                           f"“{header[index]}”. Leave one of them out.")
        places[field] = index
    if not places.keys() & {"name", "first_name", "last_name", "email", "linkedin_url"}:
        raise Invalid.field("columns", "Choose a column for the name, the e-mail or the LinkedIn address: without any "
                                       "of them there is no lead.")


def cleaned(cells: Sequence[str], columns: Mapping[int, str]) -> dict[str, Any]:
    """A row's fields as they are stored, without those that are empty. Raises Invalid naming each refused field."""
    raw: dict[str, Any] = {field: cells[index] for index, field in columns.items() if cells[index].strip()}
    if whole := raw.pop("name", None):
        first, last = split_name(whole)
        raw = {"first_name": first, "last_name": last} | raw
    if "status" in raw:
        raw["status"] = raw["status"].strip().lower()
    if "tags" in raw:
        raw["tags"] = re.split(r"\s*;\s*" if ";" in raw["tags"] else r"\s*,\s*", raw["tags"])
    values = {field: value for field, value in clean_all(raw, NEW_CHECKS).items() if value not in (None, [])}
    if not values.keys() & {"first_name", "last_name", "email", "linkedin_url"}:
        raise Invalid.field("last_name", "There is neither a name nor an e-mail or LinkedIn address.")
    return values


def split_name(whole: str) -> tuple[str, str]:
    """First and last name: “Ada King”, “King, Ada”, “Ludwig van Beethoven”. A single word is a last name."""
    last, comma, first = (part.strip() for part in whole.partition(","))
    if comma:
        return first, last
    words = whole.split()
    start = len(words) - 1
    while start > 1 and words[start - 1].lower() in PARTICLES:
        start -= 1
    return " ".join(words[:start]), " ".join(words[start:])
