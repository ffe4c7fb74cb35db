"""The files of docs/deploy, as far as they can be looked at without starting anything."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from lib.config import ROOT, Settings

DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted(file.name for file in DEPLOY.iterdir() if file.suffix in (".service", ".timer"))


def test_the_guide_speaks_of_every_file_and_of_no_other():
    guide = (ROOT / "docs" / "deploy.md").read_text("utf-8")

    assert {name for name in re.findall(r"\]\(deploy/([^)#]+)\)", guide)} == {file.name for file in DEPLOY.iterdir()}


@pytest.mark.parametrize("name", UNITS)
def test_systemd_understands_its_units(name, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd on this machine")
    for unit in UNITS:
        text = (DEPLOY / unit).read_text("utf-8")
        # What they start does not lie there on this machine.
        text = text.replace("/opt/lead-desk/.venv/bin/python", sys.executable).replace("/opt/lead-desk/docs",
                                                                                      str(ROOT / "docs"))
        text = text.replace("/usr/bin/curl", shutil.which("true"))
        (tmp_path / unit).write_text(text)

    checked = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / name], capture_output=True, text=True,
                             timeout=60)

    assert (checked.returncode, checked.stderr) == (0, "")


def test_lead_desk_takes_every_setting_of_the_example():
    lines = (DEPLOY / "env.example").read_text("utf-8").splitlines()
    given = [line.lstrip("#").split("=", 1) for line in lines if re.match(r"#?[A-Z_]+=", line)]

    for name, value in given:
        # The guide has it read by a shell too, which would go on behind an & with another command.
        read = subprocess.run(["sh", "-c", f"set -a; {name}={value}; printenv {name}"], capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"]}, timeout=30).stdout.rstrip("\n")
        assert read == value.strip("'")
        value = read
        Settings.load({name: value}, DEPLOY / "none.toml")
    assert {name for name, _ in given} >= {"DATABASE_URL", "DATABASE_POOL_MODE", "PUBLIC_URL",
                                           "STREAMLIT_SERVER_COOKIE_SECRET"}


def test_systemd_waits_for_longer_than_lead_desk_takes_to_end():
    stop = int(re.search(r"^TimeoutStopSec=([0-9]+)$", (DEPLOY / "lead-desk@.service").read_text("utf-8"), re.M)[1])

    assert stop > Settings.shutdown_delay_seconds + Settings.shutdown_timeout_seconds


@pytest.mark.parametrize("script", ["backup.sh", "restore.sh"])
def test_scripts_can_be_run_and_are_understood_by_a_plain_shell(script):
    assert (DEPLOY / script).stat().st_mode & 0o111
    assert subprocess.run(["sh", "-n", DEPLOY / script], timeout=30).returncode == 0
