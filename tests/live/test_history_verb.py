"""`r1chat history`, the real program on what the built-in model answered."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

import r1chat
from r1chat import compose
from tests.factory import write_model
from tests.program import HANGS_S, finish, replies_kept, run, start, wait_for

GREEDY = ("-m", "tiny", "--temperature", "0")
QUESTION = "What is 44 + 41 + 25?"


def ok(*arguments, **options):
    """What the program prints where nothing goes wrong."""
    code, out, err = run(*arguments, **options)
    assert code == 0, err
    return out


def listed(*arguments):
    return json.loads(ok("history", "list", "--format", "json", *arguments))["conversations"]


@pytest.fixture(scope="module")
def home_of_two(tmp_path_factory):
    """A home with two conversations, one of them of two turns."""
    folder = tmp_path_factory.mktemp("two")
    others = {name: text for name, text in os.environ.items() if not name.startswith("R1CHAT_")}
    here = {"env": others | {"R1CHAT_HOME": str(folder)}}
    ok("ask", *GREEDY, QUESTION, **here)
    ok("ask", "-c", "-b", "64", "What is 7 * 8?", **here)
    ok("ask", *GREEDY, "Which is larger, 9.11 or 9.8?", **here)
    return folder


@pytest.fixture
def two(home_of_two, home):
    """Brings that history into the test's own home: its ids, the newest first."""
    shutil.copytree(home_of_two, home, dirs_exist_ok=True)
    return [each["id"] for each in listed()]


def test_what_was_asked_is_listed_shown_and_found(two):
    lines = ok("history", "list").splitlines()
    assert [line.split()[0] for line in lines[1:]] == [each[:8] for each in two]
    assert "What is 44 + 41 + 25?" in lines[2]
    shown = ok("history", "show", two[1][:4])
    assert f"> {QUESTION}" in shown
    assert "\\boxed{110}" in shown
    assert "ended by" in shown
    assert "<think>" not in shown
    assert "<think>" in ok("history", "show", two[1], "--thoughts")
    found = ok("history", "search", "larger")
    assert found.startswith(two[0][:8])
    assert run("history", "search", "nowhere-to-be-found")[0] == 1


def test_a_thought_is_found_only_where_thoughts_are_looked_into(two):
    document = json.loads(ok("history", "show", two[1], "--format", "json"))
    (word, *_) = (word for word in document["turns"][0]["thought"].split() if word.isalpha())
    hits = json.loads(ok("history", "search", word, "--thoughts", "--format", "json"))["hits"]
    assert {"thought"} <= {hit["field"] for hit in hits}
    for hit in hits:
        for begin, end in hit["matches"]:
            assert hit["snippet"][begin:end].lower().startswith(word.lower())


def test_going_on_reads_the_turns_before():
    first = json.loads(ok("ask", *GREEDY, "-b", "off", "--format", "json", QUESTION))
    second = json.loads(ok("ask", "-c", "--format", "json", QUESTION))
    assert second["conversation"] == first["conversation"]
    assert second["receipt"]["budget"] == "off"
    assert second["receipt"]["prompt_tokens"] > first["receipt"]["prompt_tokens"] * 2
    assert listed()[0]["turns"] == 2


def test_a_models_file_that_was_named_from_one_folder_is_found_from_another(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(r1chat.__file__).parents[1]))
    (tmp_path / "there").mkdir()
    copy = tmp_path / "there" / "copy.gguf"
    copy.write_bytes(compose.resolve(compose.TINY).read_bytes())
    ok("ask", "-m", "./copy.gguf", QUESTION, cwd=copy.parent)
    ok("ask", "-c", QUESTION, cwd=tmp_path)
    (kept,) = listed()
    assert (kept["turns"], kept["model"]) == (2, str(copy))
    assert " copy.gguf " in ok("history", "list")


@pytest.mark.parametrize("form", ["json", "jsonl", "md", "html"])
def test_an_export_stands_in_a_file_or_on_stdout_alike(two, tmp_path, form):
    file = tmp_path / f"all.{form}"
    ok("history", "export", "--all", "-o", file)
    assert file.read_text("utf-8") == ok("history", "export", "--all", "--format", form)
    if os.name == "posix":
        assert file.stat().st_mode & 0o077 == 0
    assert [each.name for each in tmp_path.iterdir()] == [file.name]


def test_a_file_is_overwritten_only_by_force(two, tmp_path):
    file = tmp_path / "all.md"
    file.write_text("mine", encoding="utf-8")
    code, out, err = run("history", "export", two[0], "-o", file)
    assert (code, out) == (2, "")
    assert "--force" in err
    assert file.read_text("utf-8") == "mine"
    ok("history", "export", two[0], "-o", file, "--force")
    assert file.read_text("utf-8").startswith("# Which is larger")


def test_an_export_comes_back_the_same_in_another_home(two, tmp_path, monkeypatch):
    text = ok("history", "export", "--all", "--format", "json")
    monkeypatch.setenv("R1CHAT_HOME", str(tmp_path / "other"))
    assert ok("history", "import", "-", stdin=text.encode()).split() == two
    assert ok("history", "export", "--all", "--format", "json") == text
    assert ok("history", "search", "larger").startswith(two[0][:8])
    code, out, err = run("history", "import", "-", stdin=text.encode())
    assert (code, out) == (0, "")
    assert "left out 2 conversations" in err
    assert len(ok("history", "import", "-", "--copies", stdin=text.encode()).split()) == 2
    assert len(listed()) == 4


def test_lines_of_messages_can_be_gone_on_with(two, tmp_path, monkeypatch):
    text = ok("history", "export", two[1], "--format", "jsonl")
    assert "<think>\\n" in text
    monkeypatch.setenv("R1CHAT_HOME", str(tmp_path / "other"))
    (name,) = ok("history", "import", "-", stdin=text.encode()).split()
    ok("ask", *GREEDY, "-b", "off", "--conversation", name[:5], QUESTION)
    assert listed()[0]["turns"] == 3


def test_one_bad_line_is_named_and_nothing_is_taken_in(tmp_path):
    good = '{"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}'
    (tmp_path / "good.jsonl").write_text(good, encoding="utf-8")
    (tmp_path / "bad.jsonl").write_text(f"{good}\n{good}\nnonsense\n", encoding="utf-8")
    code, out, err = run("history", "import", tmp_path / "good.jsonl", tmp_path / "bad.jsonl")
    assert (code, out) == (2, "")
    assert "bad.jsonl: line 3: " in err
    assert err.count("\n") == 1
    assert listed() == []


def test_what_is_deleted_can_be_restored_and_what_is_purged_cannot(two):
    code, _, err = run("history", "rm", two[0])
    assert code == 2
    assert "--yes" in err
    ok("history", "rm", "--yes", two[0])
    assert [each["id"] for each in listed()] == two[1:]
    assert [each["id"] for each in listed("--deleted")] == two[:1]
    ok("history", "restore", two[0])
    assert len(listed()) == 2
    ok("history", "rm", "--yes", two[0])
    ok("history", "rm", "--yes", "--purge", two[0], two[1])
    assert listed() == listed("--deleted") == []
    assert run("history", "restore", two[0])[0] == 1


def test_on_a_terminal_it_asks_before_it_deletes(two):
    def removed(answer):
        command = ["-m", "r1chat", "history", "rm", two[0]]
        child = pexpect.spawn(sys.executable, command, timeout=HANGS_S, encoding="utf-8")
        child.expect(r"Delete .*\[y/N\]")
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        return child.exitstatus, len(listed())

    assert removed("") == (1, 2)
    assert removed("y") == (0, 1)


def test_statistics_are_printed_and_drawn(two, tmp_path):
    file = tmp_path / "a.png"
    shown = ok("history", "stats", "--png", file)
    assert "How thoughts ended" in shown
    assert file.read_bytes().startswith(b"\x89PNG")
    values = json.loads(ok("history", "stats", "--format", "json"))
    assert (values["conversations"], values["replies"]) == (2, 3)
    assert values["models"][0]["ref"] == "tiny"


def test_a_reader_that_has_enough_is_left_in_quiet(two):
    text = json.loads(ok("history", "export", "--all", "--format", "json"))
    text["conversations"][0]["turns"][0]["answer"] = "word " * 200_000
    ok("history", "import", "--copies", "-", stdin=json.dumps(text).encode())
    with start("history", "export", "--all") as process:
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        code = process.wait(HANGS_S)
    assert (code, err) == (0, b"")


def test_a_reply_that_a_signal_stopped_is_kept(tmp_path):
    model = write_model(tmp_path / "endless.gguf", context=65536)
    asked = ("ask", "-m", model, "--ctx", "65536", "--format", "jsonl", QUESTION)
    with start(*asked) as process:
        assert any(b"thought_text" in each and replies_kept() for each in process.stdout)
        process.send_signal(signal.SIGINT)
        code, _, _ = finish(process)
    assert code == 130
    (only,) = listed()
    (turn,) = json.loads(ok("history", "show", only["id"], "--format", "json"))["turns"]
    assert turn["thought"]
    assert turn["receipt"]["ended_by"] == "cancelled"


def test_a_reply_whose_reader_went_away_is_kept(random_models):
    with start("ask", "-m", random_models["r1"], "--format", "jsonl", QUESTION) as process:
        wait_for(process.stdout, b"thought_text")
        process.stdout.close()
        process.stderr.read()
        assert process.wait(HANGS_S) == 0
    assert len(listed()) == 1


def test_a_reply_whose_process_was_killed_is_there_as_far_as_it_came(random_models):
    with start("ask", "-m", random_models["r1"], "--format", "jsonl", QUESTION) as process:
        wait_for(process.stdout, b"thought_text")
        # The history is opened behind the first token; another r1chat sees when it is.
        while not listed():
            time.sleep(0.01)
        process.kill()
        process.communicate()
    (only,) = listed()
    (turn,) = json.loads(ok("history", "show", only["id"], "--format", "json"))["turns"]
    assert turn["question"] == QUESTION


def test_a_history_that_cannot_be_written_to_says_so(home):
    (home / "data").write_text("in the way", encoding="utf-8")
    code, out, err = run("ask", *GREEDY, QUESTION)
    assert code == 1
    assert "\\boxed{110}" in out
    assert "conversations are not saved" in err
    code, out, err = run("history", "import", "-", stdin=b'{"messages": []}')
    assert (code, out) == (1, "")
    assert "nothing was imported" in err
    assert "Traceback" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no full device")
def test_an_export_to_a_full_device_fails_in_a_line(two):
    with Path("/dev/full").open("wb") as full:
        process = start("history", "export", "--all", stdout=full, stderr=subprocess.PIPE)
        code, _, err = finish(process)
    assert code == 1
    assert err.count("\n") == 1


def test_tags_are_given_listed_sought_exported_and_taken_in(two, tmp_path):
    newest, oldest = two
    assert ok("history", "tag", oldest, "Work", "#maths") == "#work #maths\n"
    assert ok("history", "tag", newest, "work", "x", "--remove", "x") == "#work\n"
    assert [each["id"] for each in listed("--tag", "work", "--tag", "maths")] == [oldest]
    assert "#work #maths" in ok("history", "list")
    tags = json.loads(ok("history", "tags", "--format", "json"))["tags"]
    assert tags == [
        {"tag": "work", "conversations": 2},
        {"tag": "maths", "conversations": 1},
    ]
    hits = json.loads(ok("history", "search", "7", "--tag", "maths", "--format", "json"))["hits"]
    assert {hit["conversation"] for hit in hits} == {oldest}
    code, _, err = run("history", "tag", oldest, "no tag")
    assert code == 2
    assert "is no tag" in err
    # The second was gone on with by -c, the first was asked once; tagged, both are chats.
    ok("ask", *GREEDY, "-b", "off", "What is 1 + 1?")
    (once,) = listed("--asked")
    assert once["once"]
    assert {each["id"] for each in listed("--chats")} == {newest, oldest}
    assert "#maths" in ok("history", "export", oldest, "--format", "html")
    file = tmp_path / "all.json"
    ok("history", "export", "--all", "-o", file)
    for each in (newest, oldest, once["id"]):
        ok("history", "rm", "--purge", "-y", each)
    ok("history", "import", file)
    assert [each["id"] for each in listed("--tag", "maths")] == [oldest]
    assert [each["id"] for each in listed("--asked")] == [once["id"]]
