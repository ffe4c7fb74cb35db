"""A real n8n, driven by its command line: no server, no account, nothing asked of the internet.

``N8N_BIN`` names its executable; install.sh beside this file installs one.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.config import ROOT

WORKFLOWS = ROOT / "docs" / "n8n"
PLACEHOLDER = "https://REPLACE-ME.example"
# What would look for hosts outside, for a licence, or for more memory than a test needs.
LEFT_OUT = ("mcp-registry,community-packages,insights,chat-hub,mcp,workflow-builder,breaking-changes,data-table,"
            "source-control,external-secrets,log-streaming,ldap,sso-oidc,sso-saml,provisioning,oauth-server,"
            "quick-connect,otel,token-exchange")


@dataclass(frozen=True)
class Run:
    """What became of an execution, and all that n8n printed about it."""

    succeeded: bool
    output: str

    def items_of(self, node: str) -> list[dict[str, Any]]:
        """The items that left a node, in a run of one workflow."""
        # Lines of a log come before the account of the run.
        account, _ = json.JSONDecoder().raw_decode(self.output, self.output.index("\n{") + 1)
        runs = account["data"]["resultData"]["runData"].get(node, [])
        return [item["json"] for run in runs for branch in run["data"]["main"] for item in branch or []]


class N8n:
    """One n8n with a folder and a database of its own. All that it is asked to do has ``seconds`` to end in."""

    def __init__(self, binary: str, folder: Path, seconds: float = 120) -> None:
        self.binary, self.folder = binary, folder
        self.deadline = time.monotonic() + seconds
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("N8N_")} | {
            "N8N_USER_FOLDER": str(folder), "N8N_ENCRYPTION_KEY": "only-for-this-test", "DB_TYPE": "sqlite",
            "N8N_LISTEN_ADDRESS": "127.0.0.1", "N8N_HOST": "127.0.0.1", "N8N_PORT": _free_port(),
            "N8N_RUNNERS_BROKER_PORT": _free_port(), "N8N_DISABLE_UI": "true", "N8N_DISABLED_MODULES": LEFT_OUT,
            "N8N_DIAGNOSTICS_ENABLED": "false", "N8N_DIAGNOSTICS_CONFIG_FRONTEND": "",
            "N8N_DIAGNOSTICS_CONFIG_BACKEND": "", "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
            "N8N_VERSION_NOTIFICATIONS_WHATS_NEW_ENABLED": "false", "N8N_TEMPLATES_ENABLED": "false",
            "N8N_COMMUNITY_PACKAGES_ENABLED": "false", "GENERIC_TIMEZONE": "UTC"}

    def set_up(self, url: str, token: str, people: Sequence[dict[str, Any]] = ()) -> None:
        """Import the credential, and the workflows of docs/n8n with the address of the app filled in, and nothing else
        unless other people than those of the sample are given."""
        imported = self.folder / "workflows"
        imported.mkdir(parents=True)
        credential = {}
        for file in WORKFLOWS.glob("*.json"):
            workflow = json.loads(file.read_text("utf-8").replace(PLACEHOLDER, url))
            credential = credential_of(workflow)
            for node in workflow["nodes"]:
                if people and node["name"] == "Sample people":
                    node["parameters"]["jsonOutput"] = json.dumps({"people": people})
            (imported / file.name).write_text(json.dumps(workflow), "utf-8")
        credentials = self.folder / "credentials.json"
        credentials.write_text(json.dumps([credential | {"type": "httpBearerAuth", "data": {"token": token}}]))
        for arguments in (("import:credentials", f"--input={credentials}"),
                          ("import:workflow", "--separate", f"--input={imported}")):
            done = self._run(arguments)
            assert done.succeeded, done.output

    def execute_all(self, *ids: str) -> Run:
        """Run workflows in one go, one after the other, in the order of their ids."""
        return self._run(("execute-batch", f"--ids={','.join(ids)}", "--shortOutput", "--retries=0", "--concurrency=1"))

    def execute(self, workflow: str) -> Run:
        """Run one workflow, and print what left each of its nodes."""
        return self._run(("execute", f"--id={workflow}", "--rawOutput"))

    def _run(self, arguments: Sequence[str]) -> Run:
        left = max(self.deadline - time.monotonic(), 1)
        done = subprocess.run([self.binary, *arguments], env=self.environment, cwd=self.folder, text=True,
                              capture_output=True, timeout=left)
        return Run(done.returncode == 0, f"{done.stderr}\n{done.stdout}")


def credential_of(workflow: dict[str, Any]) -> dict[str, str]:
    """The id and name of the credential that the workflow's nodes refer to."""
    return next(node["credentials"]["httpBearerAuth"] for node in workflow["nodes"] if "credentials" in node)


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
