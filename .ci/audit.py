"""Looks the installed packages up among known vulnerabilities with pip-audit, and says what came of it.

Ends with status 1 for a vulnerability that is known. Where the service that knows them cannot be asked, as on a machine
with a package mirror and no other way out, it ends with status 0 and says plainly that nothing was checked.
"""

import json
import subprocess
import sys


def verdict(report: str, said: str) -> tuple[int, list[str]]:
    """The status and the lines to print, from pip-audit's JSON and what it said besides."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (said.strip().splitlines() or ["it said nothing"])[-1]
        return 0, [f"NOT AUDITED: pip-audit could not ask its service ({last})."]
    found = [f"VULNERABLE: {package['name']} {package['version']}: {known['id']}, mended in "
             f"{', '.join(known['fix_versions']) or 'no version yet'}"
             for package in packages for known in package.get("vulns", ())]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if found:
        return 1, found
    if len(skipped) == len(packages):
        return 0, ["NOT AUDITED: the package index that is used here knows no vulnerabilities."]
    lines = [f"Audited {len(packages) - len(skipped)} packages: no known vulnerability."]
    return 0, lines + ([f"NOT AUDITED: {', '.join(skipped)}"] if skipped else [])


if __name__ == "__main__":
    command = [sys.executable, "-m", "pip_audit", "--local", "--format", "json", "--progress-spinner", "off"]
    ran = subprocess.run(command, capture_output=True, text=True)
    status, told = verdict(ran.stdout, ran.stderr)
    print("\n".join(told), flush=True)
    sys.exit(status)
