"""The step of CI that looks for known vulnerabilities never passes in silence."""

import importlib.util
import json

import pytest

from lib.config import ROOT


@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FINE = {"name": "pandas", "version": "3.1.1", "vulns": []}
BAD = {"name": "altair", "version": "6.3.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["6.3.1"]}]}
UNKNOWN = {"name": "streamlit", "skip_reason": "Dependency not found on PyPI"}


def told(audit, *packages: dict) -> tuple[int, str]:
    status, lines = audit.verdict(json.dumps({"dependencies": packages, "fixes": []}), "")
    return status, "\n".join(lines)


def test_a_known_vulnerability_fails_and_names_the_version_that_mends_it(audit):
    assert told(audit, FINE, BAD, UNKNOWN) == (1, "VULNERABLE: altair 6.3.0: PYSEC-1, mended in 6.3.1")


def test_nothing_found_says_how_much_was_looked_at_and_what_was_not(audit):
    assert told(audit, FINE) == (0, "Audited 1 packages: no known vulnerability.")
    assert told(audit, FINE, UNKNOWN)[1].endswith("NOT AUDITED: streamlit")


def test_it_says_so_when_nothing_could_be_looked_up(audit):
    assert told(audit, UNKNOWN) == (0, "NOT AUDITED: the package index that is used here knows no vulnerabilities.")
    assert audit.verdict("", "Traceback…\nConnectionError: no route") == (
        0, ["NOT AUDITED: pip-audit could not ask its service (ConnectionError: no route)."])
