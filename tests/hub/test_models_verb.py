"""`r1chat models` and the offer of `r1chat ask`, as processes, against a Hub on this machine."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import pexpect
import pytest

import r1chat
from r1chat.hub.layout import hub_cache
from tests.hub.server import File, Generated, Hub, Repo, faults
from tests.program import finish, run, start

TINY = Path(r1chat.__file__).parent / "models" / "tiny.gguf"
SUM = "What is 44 + 41 + 25?"


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("R1CHAT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)


@pytest.fixture
def acme(hub: Hub) -> Hub:
    """A Hub with a model that runs."""
    hub.add(Repo("acme/Tiny-GGUF", [File("Tiny-F16.gguf", TINY)], tags=("gguf",)))
    return hub


def pulled(*arguments: str) -> Path:
    code, out, err = run("models", "pull", *arguments)
    assert code == 0, err
    return Path(out.rstrip("\n"))


@pytest.mark.engine
def test_a_pulled_model_answers_by_the_name_it_was_pulled_by(acme):
    path = pulled("acme/Tiny-GGUF:F16")
    assert path.read_bytes() == TINY.read_bytes()
    code, out, err = run("ask", "-m", "acme/Tiny-GGUF:F16", "--temperature", "0", SUM)
    assert (code, "110" in out) == (0, True), err


def test_what_is_here_is_not_fetched_again(acme):
    pulled("acme/Tiny-GGUF:F16")
    pulled("acme/Tiny-GGUF")
    # The header is read beforehand, each time.
    assert acme.requests.sent("cdn") <= TINY.stat().st_size + 2 * (1 << 20)


@pytest.mark.engine
def test_what_is_here_is_not_said_to_be_verified(acme):
    pulled("acme/Tiny-GGUF:F16")
    code, _, err = run("models", "pull", "acme/Tiny-GGUF:F16")
    assert (code, err) == (
        0,
        "downloaded already; use it with: r1chat ask -m acme/Tiny-GGUF:F16\n",
    )


def test_a_name_in_another_case_is_told_as_the_hub_spells_it(acme):
    code, out, err = run("models", "pull", "ACME/tiny-gguf:fp16")
    assert (code, "models--acme--Tiny-GGUF" in out) == (0, True), err
    assert err.endswith("r1chat ask -m acme/Tiny-GGUF:F16\n")


@pytest.mark.engine
def test_offline_what_is_here_is_pulled_without_a_request(acme, monkeypatch):
    path = pulled("acme/Tiny-GGUF:F16")
    before = len(acme.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert pulled("acme/Tiny-GGUF:F16") == path
    code, out, err = run("ask", "-m", "acme/Tiny-GGUF:F16", "--temperature", "0", SUM)
    assert (code, "110" in out) == (0, True), err
    assert run("models", "pull", "acme/Other-GGUF")[0] == 5
    assert len(acme.requests) == before


def test_a_pull_goes_on_with_the_quant_that_was_begun(hub):
    begun, best = large(30_000_000), large(40_000_000)
    files = [File("Large-Q4_K_M.gguf", begun), File("Large-Q5_K_M.gguf", best)]
    hub.add(Repo("acme/Large-GGUF", files))
    pulled("acme/Large-GGUF:Q4_K_M")
    assert pulled("acme/Large-GGUF").name == "Large-Q4_K_M.gguf"
    assert run("models", "rm", "--yes", "acme/Large-GGUF")[0] == 0
    assert pulled("acme/Large-GGUF").name == "Large-Q5_K_M.gguf"


def test_a_revision_is_named_where_only_that_finds_what_was_pulled(hub):
    repo = Repo("acme/Tiny-GGUF", [File("Tiny-F16.gguf", large(6_000_000))])
    other = repo.push([File("Tiny-F16.gguf", TINY)], "v2")
    hub.add(repo)
    path = pulled("acme/Tiny-GGUF")
    code, out, err = run("models", "pull", "acme/Tiny-GGUF", "--revision", "v2")
    assert (code, other in out) == (0, True), err
    assert err.endswith("r1chat ask -m acme/Tiny-GGUF@v2:F16\n")
    assert pulled("acme/Tiny-GGUF") == path


@pytest.mark.engine
def test_a_model_of_the_hub_that_is_not_here_is_exit_code_3_with_the_command_to_run(acme):
    code, out, err = run("ask", "-m", "acme/Tiny-GGUF:F16", SUM)
    assert (code, out) == (3, "")
    assert err.endswith("download it with: r1chat models pull acme/Tiny-GGUF:F16\n")


@pytest.mark.engine
def test_on_a_terminal_ask_offers_to_fetch_the_model_and_then_answers(acme):
    command = ["-m", "r1chat", "ask", "-m", "acme/Tiny-GGUF", "--temperature", "0", SUM]
    child = pexpect.spawn(sys.executable, command, encoding="utf-8", timeout=60)
    child.expect_exact("Download it? [Y/n] ")
    child.send("\r")
    child.expect_exact("▣ 110")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_on_a_terminal_no_means_no(acme):
    command = ["-m", "r1chat", "ask", "-m", "acme/Tiny-GGUF", SUM]
    child = pexpect.spawn(sys.executable, command, encoding="utf-8", timeout=60)
    child.expect_exact("Download it? [Y/n] ")
    child.send("n\r")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3
    # The header alone was read, to see whether it fits.
    assert acme.requests.sent("cdn") <= 1 << 20


def test_on_a_terminal_a_wait_that_the_hub_asks_for_is_shown_and_can_be_broken_off(acme):
    acme.faults.add(faults.TooMany(), times=None)
    command = ["-m", "r1chat", "models", "pull", "acme/Tiny-GGUF"]
    child = pexpect.spawn(sys.executable, command, encoding="utf-8", timeout=60)
    child.expect(r"the Hub is busy, trying again in 5\d s")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_without_a_terminal_a_long_wait_is_an_error_that_says_how_long(acme):
    acme.faults.add(faults.TooMany(), times=None)
    code, _, err = run("models", "pull", "acme/Tiny-GGUF")
    assert (code, "try again in 55 s" in err) == (5, True)


def test_models_are_listed_with_what_could_be_fetched(acme):
    pulled("acme/Tiny-GGUF:F16")
    code, out, _ = run("models", "list", "--format", "json")
    listed = json.loads(out)
    assert code == 0
    assert [model["ref"] for model in listed["models"]] == ["tiny", "acme/Tiny-GGUF:F16"]
    assert {"r1:1.5b", "r1:70b", "r1:0528-8b"} <= {each["ref"] for each in listed["distills"]}
    text = run("models", "list")[1]
    row = next(each for each in text.splitlines() if each.startswith("acme/Tiny-GGUF:F16"))
    assert "MB  fits  " in row
    assert "r1:70b" in text


def test_show_describes_a_model_before_and_after_it_is_fetched(acme):
    acme.add(Repo("acme/Tiny-GGUF", [File("Tiny-F16.gguf", TINY)], licence="apache-2.0"))
    before = run("models", "show", "acme/Tiny-GGUF:F16")[1]
    assert "apache-2.0" in before
    assert "on the Hub, not on this machine" in before
    assert "fits: " in before
    pulled("acme/Tiny-GGUF:F16")
    after = run("models", "show", "acme/Tiny-GGUF:F16")[1]
    for words in ("qwen2", "1,024 tokens", "R1's, built in", "Hub cache", "fits: ", "tokens/s"):
        assert words in after


def test_show_says_of_a_file_how_it_fits(tmp_path):
    file = tmp_path / "mine.gguf"
    shutil.copy(TINY, file)
    code, out, _ = run("models", "show", str(file))
    assert code == 0
    assert re.search(r"^fit +fits: 4.37 MB file \+ .* free$", out, re.MULTILINE)
    found = json.loads(run("models", "show", str(file), "--format", "json")[1])
    assert found["fit"].startswith("fits: ")


def test_search_finds_repositories(acme):
    code, out, _ = run("models", "search", "tiny", "--format", "json")
    assert code == 0
    assert [each["repo"] for each in json.loads(out)["found"]] == ["acme/Tiny-GGUF"]
    assert "acme/Tiny-GGUF" in run("models", "search", "tiny")[1]


def test_verify_finds_a_flipped_bit(acme):
    path = pulled("acme/Tiny-GGUF:F16")
    assert "as published" in run("models", "verify", "acme/Tiny-GGUF:F16")[1]
    blob = path.resolve()
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.chmod(0o600)
    blob.write_bytes(data)
    code, out, _ = run("models", "verify")
    assert (code, "damaged" in out) == (3, True)
    again = "r1chat models rm acme/Tiny-GGUF:F16 && r1chat models pull acme/Tiny-GGUF:F16"
    assert out.endswith(f"; download it again: {again}\n")


def test_verify_names_a_part_that_is_missing_and_goes_on_with_the_others(acme):
    parts = [File(f"Big-Q4_K_M-0000{n}-of-00002.gguf", TINY) for n in (1, 2)]
    acme.add(Repo("acme/Big-GGUF", parts))
    pulled("acme/Big-GGUF").with_name(parts[1].path).unlink()
    pulled("acme/Tiny-GGUF:F16")
    code, out, _ = run("models", "verify")
    assert code == 3
    assert "Big-Q4_K_M-00002-of-00002.gguf is missing" in out
    assert "acme/Tiny-GGUF:F16: as published" in out


def test_rm_without_a_terminal_wants_to_be_sure(acme):
    path = pulled("acme/Tiny-GGUF:F16")
    code, _, err = run("models", "rm", "acme/Tiny-GGUF:F16")
    assert code == 2
    assert "--yes" in err
    assert path.exists()
    code, _, err = run("models", "rm", "--yes", "acme/Tiny-GGUF:F16")
    assert (code, err) == (0, "removed; 4.37 MB are free again\n")
    assert not path.exists()


def test_the_built_in_model_is_not_removed():
    code, _, err = run("models", "rm", "--yes", "tiny")
    assert code == 3
    assert "part of r1chat" in err


def large(size: int, sha256: str | None = None) -> Generated:
    """Something that begins as a model does."""
    return Generated(size, begin=TINY.read_bytes()[: 1 << 20], sha256=sha256)


def test_a_model_too_large_for_this_machine_is_refused_without_yes(hub):
    huge = large(10**13, sha256="a" * 64)
    hub.add(Repo("acme/Huge-GGUF", [File("Huge-Q4_K_M.gguf", huge)]))
    code, out, err = run("models", "pull", "acme/Huge-GGUF")
    assert (code, out) == (3, "")
    assert "does not fit into this machine" in err
    assert "--yes" in err


def test_a_context_that_does_not_fit_is_refused_with_one_that_does(hub):
    name = "DeepSeek-R1-Distill-Llama-70B"
    hub.add(Repo(f"unsloth/{name}-GGUF", [File(f"{name}-Q4_K_M.gguf", TINY)]))
    code, out, err = run("models", "pull", "r1:70b", "--ctx", "1000000")
    assert (code, out) == (3, "")
    assert re.search(r"for 1,000,000 tokens .*; with --ctx \d+ it would; --yes ", err)


def test_before_it_offers_a_model_too_large_ask_says_so_and_takes_enter_for_no(hub):
    hub.add(Repo("acme/Huge-GGUF", [File("Huge-Q4_K_M.gguf", large(10**13, sha256="a" * 64))]))
    command = ["-m", "r1chat", "ask", "-m", "acme/Huge-GGUF", SUM]
    child = pexpect.spawn(sys.executable, command, encoding="utf-8", timeout=60)
    child.expect_exact("does not fit into this machine")
    child.expect_exact("Download it? [y/N] ")
    child.send("\r")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3


@pytest.mark.parametrize(
    ("ref", "code", "words"),
    [
        ("r1:99b", 2, "r1:7b"),
        ("tiny", 2, "nothing to download"),
        ("acme/None-GGUF", 3, "there is no acme/None-GGUF"),
        ("acme/Tiny-GGUF:Q4_K_M", 3, "it has F16"),
        ("acme/Tiny-GGUF@elsewhere:F16", 3, "elsewhere"),
        ("acme/Closed-GGUF", 5, "accept its licence"),
    ],
)
def test_what_cannot_be_pulled_is_said_in_one_line(acme, ref, code, words):
    acme.add(Repo("acme/Closed-GGUF", [File("Closed-Q4_K_M.gguf", TINY)], gated="manual"))
    found, out, err = run("models", "pull", ref)
    assert (found, out) == (code, "")
    assert words in err
    assert err.count("\n") == 1


def test_without_a_network_it_is_exit_code_5(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, _, err = run("models", "search", "tiny")
    assert code == 5
    assert "HF_HUB_OFFLINE" in err
    # What the catalogue knows is shown all the same, and that it is no more than that.
    code, out, err = run("models", "show", "qwen3:8b")
    assert code == 0
    assert "this is what the catalogue knows" in err
    assert "unsloth/Qwen3-8B-GGUF" in out
    assert json.loads(run("models", "show", "QWEN3:8B", "--format", "json")[1])["ref"] == "qwen3:8b"
    assert run("models", "show", "acme/Unknown-GGUF")[0] == 5


def test_an_interrupted_pull_goes_on_where_it_stopped(hub):
    size = 60_000_000
    hub.add(Repo("acme/Large-GGUF", [File("Large-Q4_K_M.gguf", large(size))]))
    hub.faults.add(faults.Slow(rate=8_000_000), times=None)
    process = start("models", "pull", "acme/Large-GGUF")
    while hub.requests.sent("cdn") < 6_000_000:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert (code, out) == (130, "")
    assert "continues from here" in err
    hub.faults.clear()
    pulled("acme/Large-GGUF")
    # The header is read beforehand, each time.
    assert hub.requests.sent("cdn") < size + 12_000_000


def test_what_a_stopped_pull_left_is_listed_and_removed(hub):
    hub.add(Repo("acme/Large-GGUF", [File("Large-Q4_K_M.gguf", large(60_000_000))]))
    hub.faults.add(faults.Slow(rate=8_000_000), times=None)
    process = start("models", "pull", "acme/Large-GGUF")
    while hub.requests.sent("cdn") < 6_000_000:
        assert process.poll() is None
        time.sleep(0.05)
    code, _, err = run("models", "rm", "--yes", "acme/Large-GGUF")
    assert (code, err) == (3, "r1chat: acme/Large-GGUF is being downloaded: stop that first\n")
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 130
    assert "Partial downloads" in run("models", "list")[1]
    code, _, err = run("models", "rm", "acme/Large-GGUF")
    assert (code, "what is not finished of acme/Large-GGUF" in err) == (2, True)
    assert run("models", "rm", "--yes", "acme/Large-GGUF")[0] == 0
    assert not list(hub_cache().glob("*/blobs/*"))
    assert "Partial downloads" not in run("models", "list")[1]
    assert run("models", "rm", "--yes", "acme/Large-GGUF")[0] == 3
