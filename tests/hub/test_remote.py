"""What the Hub says, asked of a real server that may say anything."""

from __future__ import annotations

import email.utils
import time

import pytest

from r1chat.errors import ModelError, NetworkError, R1ChatError, UsageError
from r1chat.hub import answers, client
from r1chat.hub.remote import Busy, Remote
from r1chat.sanitize import line
from tests.hub.server import MEMBER, STRANGER, File, Repo, faults, hostile

NAME = "owner/Model-GGUF"
GGUF = {"total": 7_615_616_512, "architecture": "qwen2", "context_length": 131_072}


@pytest.fixture
def repo(hub):
    files = [
        File("README.md", b"# A model", lfs=False),
        File("Model-Q4_K_M.gguf", b"GGUF" + b"4" * 996),
        File("deep/Model-Q8_0.gguf", b"GGUF" + b"8" * 1996),
    ]
    return hub.add(Repo(NAME, files, gguf=GGUF, base_model="Qwen/Qwen2.5-Math-7B"))


@pytest.fixture
def waits():
    return []


@pytest.fixture
def remote(repo, waits):
    """One that notes how long it would wait instead of waiting."""
    return Remote(wait=waits.append)


def edited(**values):
    """Changes what the Hub says of a repository."""
    return faults.Edit(lambda about: about | values)


def each_edited(**values):
    """Changes what the Hub says of each that a search found."""
    return faults.Edit(lambda found: [about | values for about in found])


def assert_clean(error):
    text = str(error)
    assert isinstance(error, R1ChatError)
    assert text == line(text, 500)


# Search


def test_a_search_finds_repositories_of_gguf_files_the_most_fetched_first(hub, remote):
    hub.add(Repo("other/Model-2-GGUF", gguf={}, downloads=5000, likes=3, gated="auto"))
    hub.add(Repo("other/Model-3", downloads=9000))
    first, second = remote.search("model")
    assert (first.repo, first.downloads, first.likes, first.gated) == (
        *("other/Model-2-GGUF", 5000, 3),
        True,
    )
    assert (first.arch, first.parameters, first.context) == ("", None, None)
    assert (second.repo, second.updated, second.gated) == (NAME, "2026-01-20", False)
    assert (second.arch, second.parameters, second.context) == ("qwen2", 7_615_616_512, 131_072)
    assert remote.search("nothing of that name") == []


def test_a_search_turns_pages_until_it_has_enough(hub, remote):
    for number in range(230):
        hub.add(Repo(f"many/model-{number}", gguf={}, downloads=number))
    found = remote.search("many", limit=150)
    assert [one.repo for one in found] == [f"many/model-{n}" for n in range(229, 79, -1)]
    assert len(hub.requests.of("search")) == 3


def test_a_list_of_pages_without_end_is_given_up(hub, remote):
    again = f'<{hub.url}/api/models?search=model>; rel="next"'
    hub.faults.add(faults.Header("Link", again), "search", times=None)
    assert [one.repo for one in remote.search("model", limit=1000)] == [NAME]
    assert len(hub.requests) < 50


def test_a_page_at_another_site_is_not_asked_for(hub, remote):
    elsewhere = f'<{hub.cdn_url}/api/models?cursor=1>; rel="next"'
    hub.faults.add(faults.Header("Link", elsewhere), "search", times=None)
    assert len(remote.search("model")) == 1
    assert not hub.requests.of("cdn")


@pytest.mark.parametrize("field", ["downloads", "likes", "lastModified", "gguf", "gated"])
def test_impossible_values_in_a_search_do_no_harm(hub, remote, field):
    for value in [*hostile.NUMBERS, *hostile.TEXTS]:
        hub.faults.add(each_edited(**{field: value}), "search")
        (found,) = remote.search("model")
        assert found.repo == NAME
        assert 0 <= found.downloads < 2**63
        assert 0 <= found.likes < 2**63
        assert found.updated in {"", "2026-01-20"}


@pytest.mark.parametrize("field", ["total", "architecture", "context_length"])
def test_impossible_values_about_a_model_do_no_harm(hub, remote, field):
    for value in [*hostile.NUMBERS, *hostile.TEXTS]:
        hub.faults.add(each_edited(gguf={**GGUF, field: value}), "search")
        (found,) = remote.search("model")
        assert found.arch == line(found.arch, 60)
        assert found.parameters is None or 0 <= found.parameters < 2**63
        assert found.context is None or 0 <= found.context < 2**63


def test_what_is_no_repository_is_left_out_of_a_search(hub, remote):
    for name in [*hostile.NAMES, *hostile.NUMBERS, "a/b/c", "x"]:
        hub.faults.add(each_edited(id=name), "search")
        assert remote.search("model") == []


@pytest.mark.parametrize("value", [{}, None, "text", 7, [[]], [None], ["x"], {"error": "no"}])
def test_a_search_that_brings_no_list_brings_nothing(hub, remote, value):
    hub.faults.add(faults.Edit(lambda _: value), "search")
    assert remote.search("model") == []


# Listings


def test_a_listing_has_the_commit_and_every_files_size_and_checksum(repo, remote):
    listing = remote.listing(NAME)
    commit, files = repo.find("main")
    assert (listing.repo, listing.revision, listing.commit) == (NAME, "main", commit)
    assert (listing.licence, listing.base_model) == ("mit", "Qwen/Qwen2.5-Math-7B")
    assert not listing.gated
    assert [file.path for file in listing.files] == list(files)
    for file in listing.files:
        given = files[file.path]
        assert (file.repo, file.commit, file.size) == (NAME, commit, given.size)
        assert file.etag == given.etag
        assert file.sha256 == (given.content.sha256 if given.lfs else None)


def test_another_revision_can_be_listed(repo, remote):
    repo.push([File("Old-Q4_0.gguf", b"GGUF")], "refs/pr/1")
    listing = remote.listing(NAME, "refs/pr/1")
    assert [file.path for file in listing.files] == ["Old-Q4_0.gguf"]
    assert listing.revision == "refs/pr/1"
    assert remote.listing(NAME, listing.commit).files == listing.files


def test_files_with_hostile_names_are_left_out_and_the_others_stay(hub, remote):
    names = [name for name in hostile.NAMES if name not in {".gguf", "-rf.gguf"}]

    def add(about):
        good = about["siblings"][-1]
        about["siblings"] += [{**good, "rfilename": name} for name in [*names, 7, None, []]]
        return about

    hub.faults.add(faults.Edit(add), "info")
    assert len(remote.listing(NAME).files) == 3


def spoilt_last(**values):
    def change(about):
        about["siblings"][-1] |= values
        return about

    return faults.Edit(change)


IMPOSSIBLE = [value for value in hostile.NUMBERS if value is not None]


@pytest.mark.parametrize("value", IMPOSSIBLE, ids=range(len(IMPOSSIBLE)))
def test_a_file_of_an_impossible_size_is_left_out(hub, remote, value):
    hub.faults.add(spoilt_last(size=value), "info")
    assert len(remote.listing(NAME).files) == 2
    lfs = {"sha256": "a" * 64, "size": value, "pointerSize": 135}
    hub.faults.add(spoilt_last(lfs=lfs), "info")
    assert len(remote.listing(NAME).files) == 2


@pytest.mark.parametrize("value", [*hostile.ETAGS, *hostile.NUMBERS])
def test_a_file_with_an_impossible_checksum_is_left_out(hub, remote, value):
    hub.faults.add(spoilt_last(lfs={"sha256": value, "size": 2000, "pointerSize": 135}), "info")
    assert len(remote.listing(NAME).files) == 2
    hub.faults.add(spoilt_last(lfs=None, blobId=value), "info")
    assert len(remote.listing(NAME).files) == 2


@pytest.mark.parametrize("value", [7, "text", [1], {}, None])
def test_an_entry_that_is_none_is_left_out(hub, remote, value):
    hub.faults.add(
        faults.Edit(lambda about: about | {"siblings": [*about["siblings"], value]}), "info"
    )
    assert len(remote.listing(NAME).files) == 3


@pytest.mark.parametrize("field", ["sha", "siblings"])
@pytest.mark.parametrize("value", [None, 7, "x", "../../x", {}])
def test_a_listing_without_a_commit_or_files_is_an_error(hub, remote, field, value):
    hub.faults.add(edited(**{field: value}), "info")
    with pytest.raises(NetworkError, match="cannot be read"):
        remote.listing(NAME)


@pytest.mark.parametrize("value", [*hostile.TEXTS, *hostile.NUMBERS, ["mit", "x"]])
def test_hostile_licences_are_made_fit_to_be_shown(hub, remote, value):
    hub.faults.add(edited(cardData={"license": value, "base_model": value}), "info")
    listing = remote.listing(NAME)
    assert listing.licence == line(listing.licence, 60)
    assert listing.base_model == listing.licence
    hub.faults.add(edited(cardData=value), "info")
    assert remote.listing(NAME).licence == ""


def test_too_many_files_are_an_error(hub, remote):
    def many(about):
        about["siblings"] = about["siblings"][:1] * (answers.MOST_FILES + 1)
        return about

    hub.faults.add(faults.Edit(many), "info")
    with pytest.raises(NetworkError, match=r"20,001 files"):
        remote.listing(NAME)


def test_a_listing_without_end_is_an_error(hub, remote):
    begin = b'{"sha": "' + b"a" * 40 + b'", "siblings": [{}'
    hub.faults.add(faults.NeverEnds(begin, b",{}"), "info", times=None)
    with pytest.raises(NetworkError, match=r"more than 8\.39 MB"):
        remote.listing(NAME)
    assert hub.requests.of("info")[0].sent < 16 << 20
    assert len(hub.requests) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"<html>", b"9" * 9999])
def test_an_answer_that_is_no_json_is_an_error(hub, remote, body):
    hub.faults.add(faults.Body(body), "info", times=None)
    with pytest.raises(NetworkError) as caught:
        remote.listing(NAME)
    assert_clean(caught.value)


@pytest.mark.parametrize("repo_name", ["owner", "../x/y", "a/b/c", "owner/na me", "a/b?x=1", ""])
def test_a_name_that_can_be_no_repository_is_not_asked_for(hub, remote, repo_name):
    with pytest.raises(UsageError):
        remote.listing(repo_name)
    assert not hub.requests


# Refusals


def test_a_repository_that_is_not_there_is_named_with_what_to_do(remote):
    with pytest.raises(ModelError, match=r"there is no owner/none .* private: set HF_TOKEN"):
        remote.listing("owner/none")


def test_a_revision_that_is_not_there_is_named(remote):
    with pytest.raises(ModelError, match=f"{NAME} has no revision v9: see http"):
        remote.listing(NAME, "v9")


def test_a_private_repository_opens_with_a_token(hub, repo, monkeypatch):
    repo.private = True
    with pytest.raises(ModelError, match="set HF_TOKEN"):
        Remote().listing(NAME)
    monkeypatch.setenv("HF_TOKEN", STRANGER)
    with pytest.raises(ModelError, match="your token may not see it"):
        Remote().listing(NAME)
    monkeypatch.setenv("HF_TOKEN", MEMBER)
    assert len(Remote().listing(NAME).files) == 3


def test_a_token_that_the_hub_does_not_know_is_said_to_be_the_reason(repo, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    with pytest.raises(
        NetworkError, match=r"does not know your token: run `hf auth login`"
    ) as caught:
        Remote().listing(NAME)
    assert "hf_old" not in str(caught.value)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 500, 503])
def test_error_texts_are_made_fit_to_be_shown(hub, repo, status):
    remote = Remote(wait=lambda _: None)
    for body in hostile.ERROR_BODIES:
        hub.faults.clear()
        hub.faults.add(faults.Status(status, body), "any", times=None, method="any")
        for ask in (lambda: remote.listing(NAME), lambda: remote.search("x")):
            with pytest.raises((NetworkError, ModelError)) as caught:
                ask()
            assert_clean(caught.value)
            assert len(str(caught.value)) < 400
        hub.faults.clear()


def test_an_error_text_without_end_is_not_read_to_its_end(hub, remote):
    hub.faults.add(faults.Status(418), "info").add(faults.NeverEnds(b"no", b"!"), "info")
    with pytest.raises(NetworkError, match="says HTTP 418"):
        remote.listing(NAME)
    assert hub.requests[0].sent < 8 << 20


def test_a_renamed_repository_is_followed_within_the_hub(hub, remote):
    to = f"{hub.url}/api/models/{NAME}/revision/main?blobs=true"
    hub.faults.add(faults.Redirect(to, 307), "other")
    hub.faults.add(faults.Redirect(to, 307), "info")
    assert len(remote.listing("owner/old-name").files) == 3


@pytest.mark.parametrize(
    "to", ["file:///etc/hostname", "https://[", "ftp://127.0.0.1/", "http://:1/"]
)
def test_a_redirect_to_no_address_is_an_error(hub, remote, to):
    hub.faults.add(faults.Redirect(to), "info")
    with pytest.raises(NetworkError) as caught:
        remote.listing(NAME)
    assert_clean(caught.value)


def test_a_circle_of_redirects_is_an_error(hub, remote):
    to = f"/api/models/{NAME}/revision/main"
    hub.faults.add(faults.Redirect(to), "info", times=None)
    with pytest.raises(NetworkError, match="in a loop"):
        remote.listing(NAME)
    assert len(hub.requests) <= 10


# Patience


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again_after_a_growing_wait(hub, remote, waits, code):
    hub.faults.add(faults.Status(code), "info", times=3)
    assert len(remote.listing(NAME).files) == 3
    assert [0.1 < wait < 2 for wait in waits] == [True] * 3
    assert waits[2] > waits[0]


def test_what_does_not_pass_is_given_up_and_can_be_waited_for(hub, remote, waits):
    hub.faults.add(faults.Status(503), "info", times=None)
    with pytest.raises(Busy, match=r"fails with HTTP 503.*try again later") as caught:
        remote.listing(NAME)
    assert caught.value.wait_s is None
    assert len(hub.requests) == 4
    assert len(waits) == 3


@pytest.mark.parametrize("header", ["RateLimit", "Retry-After", "both"])
def test_the_hubs_own_wait_is_kept_where_somebody_sees_it(hub, remote, waits, header):
    hub.faults.add(faults.TooMany(55, header), "info")
    assert len(remote.listing(NAME).files) == 3
    assert waits == [55]


def test_a_date_to_come_back_is_understood(hub, remote, waits):
    date = email.utils.formatdate(time.time() + 100, usegmt=True)
    hub.faults.add(faults.Status(503, headers=(("Retry-After", date),)), "info")
    remote.listing(NAME)
    assert 90 < waits[0] <= 100


@pytest.mark.parametrize("date", ["never", "-5", "9" * 5000, "Mon, 99 Zzz 9999 99:99:99 GMT", ""])
def test_a_date_that_is_none_is_not_waited_for(hub, remote, waits, date):
    hub.faults.add(faults.Status(503, headers=(("Retry-After", date),)), "info")
    remote.listing(NAME)
    assert waits[0] < 2


def test_a_long_wait_that_nobody_sees_is_told_instead(hub, repo):
    hub.faults.add(faults.TooMany(55), "info", times=None)
    with pytest.raises(Busy, match=r"too many requests from here: try again in 55 s") as caught:
        Remote().listing(NAME)
    assert caught.value.wait_s == 55
    assert len(hub.requests) == 1


def test_a_wait_of_hours_is_told_even_where_somebody_sees_it(hub, remote, waits):
    hub.faults.add(faults.TooMany(7200), "info", times=None)
    with pytest.raises(Busy, match="in 2 h"):
        remote.listing(NAME)
    assert waits == []


def test_waiting_can_be_given_up(hub, repo):
    def stop(_):
        raise KeyboardInterrupt

    hub.faults.add(faults.TooMany(55), "info")
    with pytest.raises(KeyboardInterrupt):
        Remote(wait=stop).listing(NAME)


def test_a_connection_that_breaks_is_tried_again(hub, remote, waits):
    hub.faults.add(faults.Drop(), "info")
    hub.faults.add(faults.Cut("reset", 20), "info", skip=1)
    hub.faults.add(faults.Cut("close", 20), "info", skip=2)
    assert len(remote.listing(NAME).files) == 3
    assert len(waits) == 3


def test_a_hub_that_says_nothing_is_given_up(hub, repo, monkeypatch):
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "0.2")
    hub.faults.add(faults.Stall(at=10), "info", times=None)
    with pytest.raises(Busy, match="does not answer"):
        Remote(wait=lambda _: None).listing(NAME)


def test_a_hub_that_speaks_in_drops_is_given_up(hub, remote, monkeypatch):
    monkeypatch.setattr(client, "_WHOLE_S", 0.3)
    hub.faults.add(faults.Slow(200), "info", times=None)
    with pytest.raises(Busy, match="too slowly"):
        remote.listing(NAME)


def test_a_hub_that_is_not_there_is_named(hub, remote):
    hub.stop()
    with pytest.raises(Busy, match=r"127\.0\.0\.1:\d+ cannot be reached .*check the connection"):
        remote.listing(NAME)
