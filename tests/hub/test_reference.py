from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.errors import UsageError
from r1chat.hub import catalogue
from r1chat.hub.names import good_path, good_quant, good_repo, good_revision
from r1chat.hub.reference import HubRef, parse
from r1chat.sanitize import line
from tests.hub.server import hostile

REPO = "unsloth/DeepSeek-R1-Distill-Qwen-7B-GGUF"
FILE = "DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

words = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}[A-Za-z0-9]", fullmatch=True)
repos = st.tuples(words, words).map("/".join).filter(good_repo)
quants = st.from_regex(r"(UD-)?I?Q[1-8](_[0-9A-Z]{1,3}){0,2}|BF16|F16", fullmatch=True)
revisions = st.one_of(
    st.just("main"),
    st.just(COMMIT),
    st.integers(1, 99).map("refs/pr/{}".format),
    st.from_regex(r"[a-z0-9][a-z0-9.+-]{0,8}(/[a-z0-9]{1,5}){0,2}", fullmatch=True),
).filter(good_revision)
paths = st.one_of(
    st.from_regex(
        r"([A-Za-z0-9_@ .-]{1,12}/){0,2}[A-Za-z0-9_@%é漢 .-]{1,20}\.gguf", fullmatch=True
    ),
    st.text(min_size=1, max_size=20).map(lambda text: text + ".gguf"),
).filter(good_path)


@given(repos, quants | st.none(), revisions)
def test_a_reference_by_quant_is_read_as_it_is_written(repo, quant, revision):
    ref = HubRef((repo,), quant=quant, revision=revision)
    if quant is None and repo.lower().endswith(".gguf") and revision == "main":
        assert parse(str(ref)) is None  # That is a path.
    else:
        assert parse(str(ref)) == ref


@given(repos, paths, revisions)
def test_a_reference_by_file_is_read_as_it_is_written(repo, path, revision):
    ref = HubRef((repo,), file=path, revision=revision)
    assert parse(str(ref)) == ref


@given(st.sampled_from(catalogue.entries()), quants | st.none())
def test_a_short_name_is_read_as_it_is_written(entry, quant):
    ref = HubRef(entry.repos, quant=quant, short=entry.name)
    assert parse(str(ref)) == ref
    assert parse(str(ref).upper()) == ref


@given(st.text(max_size=60) | st.from_regex(r"[a-z]{1,5}[/:@][^\n]{0,20}"))
def test_any_text_is_a_reference_or_none_or_refused_in_one_line(text):
    try:
        ref = parse(text)
    except UsageError as error:
        refused = str(error)
        assert refused == line(refused, 1000)
        return
    if ref is not None:
        assert parse(str(ref)) == ref
        assert all(good_repo(repo) for repo in ref.repos)
        assert good_revision(ref.revision)
        assert ref.quant is None or good_quant(ref.quant)
        assert ref.file is None or good_path(ref.file)


@pytest.mark.parametrize(
    ("text", "name", "quant"),
    [
        ("r1:7b", "r1:7b", None),
        ("R1:7B", "r1:7b", None),
        (" r1:7b ", "r1:7b", None),
        ("r1:7b-q4_k_m", "r1:7b", "Q4_K_M"),
        ("r1:7B-Q4_K_M", "r1:7b", "Q4_K_M"),
        ("r1:8b-ud-q4_k_xl", "r1:8b", "UD-Q4_K_XL"),
        ("r1:0528-8b", "r1:0528-8b", None),
        ("r1:0528-8b-q8_0", "r1:0528-8b", "Q8_0"),
        ("r1:1.5b-f16", "r1:1.5b", "F16"),
        ("Qwen3:8B-q4_k_m", "qwen3:8b", "Q4_K_M"),
        ("gpt-oss:20b", "gpt-oss:20b", None),
        ("qwen3:30b-a3b-q8_0", "qwen3:30b-a3b", "Q8_0"),
    ],
)
def test_short_names_come_from_the_catalogue(text, name, quant):
    ref = parse(text)
    assert (ref.short, ref.quant, ref.file, ref.revision) == (name, quant, None, "main")
    assert ref.repos == catalogue.get(name).repos


@pytest.mark.parametrize(
    ("text", "guess"),
    [("r1:7", "r1:7b"), ("r1:15b", "r1:1.5b"), ("r1:0528", "r1:0528-8b"), ("r1:71b", "r1:7")],
)
def test_an_unknown_short_name_is_answered_with_the_names_there_are(text, guess):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert f"did you mean {guess}" in str(caught.value)
    for entry in catalogue.entries():
        assert (entry.name in str(caught.value)) == (entry.family == "r1")


@pytest.mark.parametrize("text", ["r1:7b-", "r1:7b-q4 k m", "r1:7b-\x1b[2J", "r1:7b-../x"])
def test_a_short_name_with_a_bad_quant_is_refused(text):
    with pytest.raises(UsageError, match="names no quant") as caught:
        parse(text)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (REPO, HubRef((REPO,))),
        (f"{REPO}:Q4_K_M", HubRef((REPO,), quant="Q4_K_M")),
        (f"{REPO}:q4_k_m", HubRef((REPO,), quant="Q4_K_M")),
        (f"{REPO}/{FILE}", HubRef((REPO,), file=FILE)),
        (f"{REPO}/sub/{FILE}", HubRef((REPO,), file=f"sub/{FILE}")),
        (f"{REPO}@dev:Q8_0", HubRef((REPO,), quant="Q8_0", revision="dev")),
        (f"{REPO}@{COMMIT}/{FILE}", HubRef((REPO,), file=FILE, revision=COMMIT)),
        (f"{REPO}@refs/pr/3/{FILE}", HubRef((REPO,), file=FILE, revision="refs/pr/3")),
        (f"{REPO}@refs%2Fpr%2F3/{FILE}", HubRef((REPO,), file=FILE, revision="refs/pr/3")),
        (f"{REPO}@a/b:Q8_0", HubRef((REPO,), quant="Q8_0", revision="a/b")),
        (f"{REPO}@v1", HubRef((REPO,), revision="v1")),
        (f"{REPO}/{FILE}.part1of2", HubRef((REPO,), file=f"{FILE}.part1of2")),
        (f"hf://{REPO}/{FILE}", HubRef((REPO,), file=FILE)),
    ],
)
def test_repositories_are_read(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", HubRef((REPO,))),
        ("/", HubRef((REPO,))),
        (":Q4_K_M", HubRef((REPO,), quant="Q4_K_M")),
        ("/tree/main", HubRef((REPO,))),
        ("/tree/refs%2Fpr%2F1", HubRef((REPO,), revision="refs/pr/1")),
        (f"/blob/main/{FILE}", HubRef((REPO,), file=FILE)),
        (f"/resolve/main/{FILE}", HubRef((REPO,), file=FILE)),
        (f"/resolve/main/{FILE}?download=true", HubRef((REPO,), file=FILE)),
        (f"/resolve/{COMMIT}/a%20b/{FILE}", HubRef((REPO,), file=f"a b/{FILE}", revision=COMMIT)),
        (f"/blob/refs/pr/2/{FILE}", HubRef((REPO,), file=FILE, revision="refs/pr/2")),
        (f"?show_file_info={FILE}", HubRef((REPO,), file=FILE)),
        ("#readme", HubRef((REPO,))),
    ],
)
@pytest.mark.parametrize(
    "site", ["https://huggingface.co/", "http://HF.co/", "hf.co/", "huggingface.co/"]
)
def test_addresses_from_a_browser_are_read(site, path, expected):
    assert parse(f"{site}{REPO}{path}") == expected


def test_an_address_of_the_users_own_hub_is_read(monkeypatch):
    address = f"https://mirror.example/{REPO}:Q8_0"
    assert parse(address) is None
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    assert parse(address) == HubRef((REPO,), quant="Q8_0")


@pytest.mark.parametrize(
    "text",
    [
        "tiny",
        "",
        "model.gguf",
        "./model.gguf",
        "../a/b.gguf",
        "~/models/a.gguf",
        "/home/me/a.gguf",
        "models/a.gguf",
        "C:\\models\\a.gguf",
        "C:/models/a.gguf",
        "a\\b.gguf",
        "some folder/model",
        "a/b/c",
        "a/b/c/d.txt",
        "bad--name/x/y.gguf",
        "https://example.org/a/b.gguf",
        "ftp://huggingface.co/a/b",
    ],
)
def test_what_may_be_a_path_is_no_reference(text):
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "owner/name:",
        "owner/name:Q4 K M",
        "owner/name:../x",
        "owner/name@:Q4_0",
        "owner/name@a..b:Q4_0",
        "owner/name@-x:Q4_0",
        "owner/na--me:Q4_0",
        "owner/name@main/../x.gguf",
        "hf://owner",
        "hf://a/b/c.txt",
        "https://huggingface.co/owner",
        "https://huggingface.co/owner/name/tree/main/folder",
        "https://huggingface.co/owner/name/resolve/main/a.txt",
        "https://huggingface.co/owner/name/resolve/main/%2e%2e/a.gguf",
        "https://huggingface.co/owner/name/resolve/main/a%00.gguf",
        "https://huggingface.co/datasets/owner/name",
    ],
)
def test_what_can_only_be_a_bad_reference_is_refused(text):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert re.search(r"names no|Hub", str(caught.value))


def test_no_hostile_path_is_a_good_one():
    harmless = {".gguf", "-rf.gguf"}
    assert {name for name in hostile.NAMES if good_path(name)} == harmless


@pytest.mark.parametrize("text", ["a/b", "A.b_c-d/e.f_g-h", "_a/b_"])
def test_repositories_by_the_hubs_rules_are_good(text):
    assert good_repo(text)


@pytest.mark.parametrize(
    "text",
    [
        *("a", "a/b/c", "/b", "a/", "a--b/c", "a/b..c", ".a/b", "a/b.", "-a/b", "a/b.git"),
        *("ä/b", "../b", "a/b\n", "a b/c", "a/b\x1b", "a/" + "b" * 95),
    ],
)
def test_other_repositories_are_not(text):
    assert not good_repo(text)
