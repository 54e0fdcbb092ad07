"""The real program in a real terminal fetches a model from the test Hub, and answers with it."""

from __future__ import annotations

import json
from pathlib import Path

import r1chat
from r1chat import paths
from r1chat.hub.layout import hub_cache
from tests.hub.server import File, Repo
from tests.pty_app import QUIT, terminal

MODEL = Path(r1chat.__file__).parent / "models" / "tiny.gguf"
REPO = "unsloth/DeepSeek-R1-Distill-Qwen-1.5B-GGUF"
REF = "r1:1.5b-q4_k_m"


def test_a_model_is_fetched_used_asked_and_still_there_at_the_next_start(
    hub, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    hub.add(Repo(REPO, [File("DeepSeek-R1-Distill-Qwen-1.5B-Q4_K_M.gguf", MODEL)]))
    with terminal("-m", "r1chat") as app:
        app.wait_for("of 1,024")
        app.wait_for("downloads it")
        app.send("\x1bOR")
        app.wait_for("Available to download")
        app.send(f"{REF}\r")
        app.wait_for("downloaded")
        since = len(app.raw)
        app.send("\x1b")
        app.wait_for(f"{REF} · ", since)
        app.wait_for("of 1,024", since)
        app.send("What is 3 + 4?\r")
        app.wait_for("Thought for")
        app.wait_for("tokens/s")
        app.send(QUIT)
        assert app.end() == 0
    assert json.loads(paths.settings_file().read_text())["model"] == REF
    assert list(hub_cache().glob("models--*/snapshots/*/*.gguf"))
    asked = len(hub.requests)
    with terminal("-m", "r1chat") as app:
        app.wait_for(f"{REF} · ")
        app.wait_for("of 1,024")
        app.send(QUIT)
        assert app.end() == 0
    assert len(hub.requests) == asked
