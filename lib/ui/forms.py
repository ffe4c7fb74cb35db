"""A form over settings that another manager may change meanwhile: what it showed at first, and when it starts anew."""

import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from lib.config import settings
from lib.errors import SettingChanged
from lib.ui import desk as desks
from lib.ui import words
from lib.ui.desk import Desk, Words, Work


@dataclass
class Form:
    """``about`` is whose settings they are; ``key`` is part of its widgets' keys; ``seen`` is what they held first.

    ``is_outdated`` says that somebody else was first, so that the page has to read anew before it is drawn again.
    """

    about: Any = None
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    seen: Any = None
    is_outdated: bool = False

    def first(self, held: Any) -> Any:
        """What the form showed when it was drawn first: its widgets keep that, whatever ``held`` is by now."""
        if self.seen is None:
            self.seen = held
        return self.seen

    def start_anew(self) -> None:
        self.key, self.seen = uuid.uuid4().hex, None


def save(desk: Desk, user_id: uuid.UUID, form: Form, work: Work, said: Words) -> bool:
    """Save from a callback; whether that worked. The form starts anew from what holds then.

    Why it did not is said in the form. It keeps what was typed, unless somebody else was first: then it shows theirs.
    """
    desks.run(desk, user_id, work, said, form=form.key)
    if form.key in desk.saved_forms:
        desk.saved_forms.discard(form.key)
        form.start_anew()
        return True
    problem = desk.problems.pop(form.key)
    if isinstance(problem, SettingChanged):
        form.start_anew()
        form.is_outdated = True
    desk.problems[form.key] = problem
    return False


def problem(desk: Desk, form: Form) -> None:
    """Why the form was not saved, where it is."""
    refused = desk.problems.get(form.key)
    if refused is not None:
        st.error(words.plain(str(refused)), icon=":material/error:")


def address_of_site() -> str:
    """The address under which people reach Lead Desk, without a page: as it is set, or else as this visitor's is."""
    if public_url := settings().public_url:
        return public_url
    parts = urlsplit(st.context.url or "")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rpartition('/')[0]}" if parts.netloc else ""
