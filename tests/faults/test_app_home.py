"""A home that nothing can be written to."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.pty_app import QUIT, terminal

APP = str(Path(__file__).parent / "an_app.py")
_CAPABILITIES = "-dac_override,-dac_read_search"


@pytest.fixture
def as_a_user() -> list[str]:
    """A command that takes from root what lets it write anywhere; for others there is no need."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return []
    program = shutil.which("setpriv")
    if program is None:
        pytest.skip("root may write anywhere, and there is no setpriv to take that away")
    command = [program, f"--bounding-set={_CAPABILITIES}", f"--inh-caps={_CAPABILITIES}"]
    if subprocess.run([*command, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("root may write anywhere, and setpriv cannot take that away here")
    return command


def test_the_app_starts_warns_and_works_without_saving(home, as_a_user):
    home.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with terminal(APP, "plain", through=as_a_user) as app:
            app.wait_for("Ask something")
            # Single words: where the lines break depends on the folder's name.
            for word in ("cannot", "written", "holds", "only."):
                app.wait_for(word)
            # Budget and theme are changed, which would be saved, and a question is answered.
            app.send("\x1b[15~\x1b[H\x1b[F\x1b[15~\x1bOS")
            app.wait_for("Filter")
            since = len(app.raw)
            # The question comes with the key that closes the list, and is not for its filter.
            app.send("paper\rhello\r")
            app.wait_for_one_of(r"thought \d+\.", since)
            app.send("\x03")
            app.wait_for("stopped", since)
            app.send(QUIT)
            assert app.end() == 0
            assert "Traceback" not in app.words
            assert "went wrong" not in app.words
        assert list(home.iterdir()) == []
    finally:
        home.chmod(stat.S_IRWXU)
