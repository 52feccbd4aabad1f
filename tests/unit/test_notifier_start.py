"""What a notifier refuses before it starts: a channel that could send nothing is not left for the first message."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.samples import DEPLOY

KEY = f"whsec_{'c2VzYW1l' * 4}"
PACE = """
like: {deploy}
desks:
  nl: {{notify: {{channels: {{duty: {{webhook: 'https://h.example/nl', secret_file: nl.keys}}}}}}}}
  fr: {{notify: {{channels: {{duty: {{webhook: 'https://h.example/fr', secret_file: fr.keys}}}}}}}}
"""


def started(directory: Path) -> subprocess.CompletedProcess[str]:
    """No broker is there: it is refused before it asks for one."""
    environment = {
        **os.environ,
        "REFERRAL_CONFIG_DIR": str(directory),
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "DATABASE_URL": f"sqlite:///{directory}/notifier.db",
    }
    command = [sys.executable, "-m", "services.notifier"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "pace.yaml").write_text(PACE.format(deploy=DEPLOY))
    for desk in ("nl", "fr"):
        (tmp_path / f"{desk}.keys").write_text(f"{KEY}\n")
    return tmp_path


def test_a_secret_file_that_is_wrong_is_refused_at_the_start_with_its_line_and_nothing_of_it(directory: Path) -> None:
    (directory / "nl.keys").write_text(f"# the new one\n{KEY}\nopen-sesame\n")
    ran = started(directory)
    assert ran.returncode == 3
    (line,) = ran.stderr.splitlines()
    assert line.startswith(f"cannot run: {directory}/nl.keys:3: found a line that is no key; expected ")
    assert "open-sesame" not in ran.stdout + ran.stderr
    assert not (directory / "notifier.db").exists()


def test_of_several_secret_files_that_are_missing_one_is_named_and_the_rest_counted(directory: Path) -> None:
    for desk in ("nl", "fr"):
        (directory / f"{desk}.keys").unlink()
    (line,) = started(directory).stderr.splitlines()
    assert ".keys: found no such file; " in line
    assert line.endswith("(and 1 more: `referrals check-config` names each)")
