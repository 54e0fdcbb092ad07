"""Downloads from a Hub that fails: each fault happens for real, on the wire."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from r1chat.errors import DownloadCancelled, ModelError, NetworkError
from r1chat.hub.download import fetch, patience
from tests.hub.pulling import NAME, REPO, Pull, cached_files, installed, leftovers, pull, serve
from tests.hub.server import MEMBER, Content, Faults, File, Hub
from tests.hub.server.faults import (
    Corrupt,
    Cut,
    Drop,
    Etag,
    Expired,
    Fault,
    Header,
    IgnoreRange,
    Long,
    Redirect,
    Short,
    Size,
    Slow,
    SlowHeaders,
    Stall,
    Status,
    TooMany,
    Unsatisfiable,
    WrongRange,
)

MIB = 1 << 20
SIZE = 12_000_000


def is_whole(path: Path | None, content: Content) -> bool:
    """Whether a file has the right bytes and nothing else was left behind."""
    assert path is not None
    data = path.read_bytes()
    return hashlib.sha256(data).hexdigest() == content.sha256 and leftovers() == []


def seeds(short: int, long: int) -> list[object]:
    """Seeds for every run, and those that take long together."""
    few = list(range(short))
    return [*few, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(short, long))]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets it try again soon; how often, and what it does then, is as ever."""
    monkeypatch.setattr(patience, "FIRST_S", 0.01)
    monkeypatch.setattr(patience, "LONGEST_S", 0.05)


# Connections that end.


@pytest.mark.parametrize("seed", seeds(12, 200))
def test_a_cut_download_goes_on_at_the_exact_byte(hub: Hub, seed: int) -> None:
    content = serve(hub, SIZE, seed)
    hub.faults = Faults(seed)
    chance = random.Random(seed)
    cuts = chance.randrange(1, 4)
    for number in range(cuts):
        hub.faults.add(Cut(chance.choice(("reset", "close"))), skip=number)
    assert is_whole(pull(), content)
    # Each request leaves the connection to the next one: the bytes of all of them are the file's.
    assert [request.faults for request in hub.requests.of("cdn")] == [["Cut"]] * cuts + [[]]
    assert hub.requests.sent() - SIZE <= cuts * MIB


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_cut_before_the_first_byte_and_after_the_last_but_one(hub: Hub, how: str) -> None:
    content = serve(hub, SIZE)
    hub.faults.add(Cut(how, at=0)).add(Cut(how, at=SIZE - 1), skip=1)
    assert is_whole(pull(), content)
    assert hub.requests.of("cdn")[-1].range == f"bytes={SIZE - 1}-{SIZE - 1}"


def test_a_server_that_never_answers_is_given_up_in_the_end(hub: Hub) -> None:
    serve(hub, SIZE)
    hub.faults.add(Drop(), times=None)
    with pytest.raises(NetworkError, match="gave up") as error:
        pull()
    assert "\n" not in str(error.value)
    assert installed() == []


def test_a_dropped_connection_is_made_anew(hub: Hub) -> None:
    content = serve(hub, SIZE)
    hub.faults.add(Drop(), times=2).add(Drop(), "file", method="HEAD")
    assert is_whole(pull(), content)


def test_a_hub_that_goes_away_and_comes_back_is_waited_for(hub: Hub) -> None:
    content = serve(hub, SIZE)
    hub.faults.add(Slow(3e6))
    with Pull() as running:
        running.until(lambda: hub.requests.sent() > MIB)
        hub.stop()
        running.reaches("waiting")
        hub.start()
        running.join()
        assert is_whole(running.path, content)


def test_headers_that_never_end_are_given_up(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "STALL_S", 0.3)
    content = serve(hub, SIZE)
    hub.faults.add(SlowHeaders(60))
    assert is_whole(pull(), content)


def test_a_short_silence_breaks_nothing(hub: Hub) -> None:
    content = serve(hub, SIZE)
    hub.faults.add(Stall(0.5, at=MIB))
    assert is_whole(pull(), content)
    assert len(hub.requests.of("cdn")) == 1


# Servers that refuse.


@pytest.mark.parametrize(("on", "code"), [("file", 502), ("file", 504), ("cdn", 408)])
def test_an_overloaded_server_is_asked_again(hub: Hub, on: str, code: int) -> None:
    content = serve(hub, SIZE)
    hub.faults.add(Status(code), on, method="any", times=2)
    assert is_whole(pull(), content)


@pytest.mark.parametrize(("on", "header"), [("file", "RateLimit"), ("cdn", "Retry-After")])
def test_the_wait_that_a_server_asks_for_is_shown_and_kept(hub: Hub, on: str, header: str) -> None:
    content = serve(hub, SIZE)
    hub.faults.add(TooMany(1, header), on, method="any")
    with Pull() as running:
        running.join()
    assert is_whole(running.path, content)
    waits = [each.wait_s for each in running.seen if each.state == "waiting"]
    assert waits
    # It counts down.
    assert 0.5 < waits[0] < 1.5
    assert waits == sorted(waits, reverse=True)
    assert waits[-1] < 0.5


@pytest.mark.parametrize("on", ["file", "cdn"])
def test_a_wait_ends_at_once_when_the_user_cancels(hub: Hub, on: str) -> None:
    serve(hub, SIZE)
    hub.faults.add(TooMany(600), on, method="any", times=None)
    with Pull() as running:
        assert running.reaches("waiting").wait_s > 500
        running.control.cancel()
        running.join()
        assert isinstance(running.error, DownloadCancelled)
    assert len(hub.requests.of(on)) == 1


def test_an_unreasonable_wait_is_no_wait_but_an_error(hub: Hub) -> None:
    serve(hub, SIZE)
    hub.faults.add(TooMany(86400))
    with pytest.raises(NetworkError, match="24 hours"):
        pull()


def test_an_address_that_is_out_of_date_after_a_cut_is_asked_for_again(hub: Hub) -> None:
    content = serve(hub, SIZE)
    hub.signed_for = 0.3
    hub.faults.add(Stall(0.5, at=MIB)).add(Cut(at=2 * MIB))
    assert is_whole(pull(), content)


@pytest.mark.parametrize("to", ["file:///etc/hostname", "ftp://127.0.0.1/x", "//", "http://", "?x"])
@pytest.mark.parametrize("on", ["file", "cdn"])
def test_a_redirect_to_nowhere_is_an_error(hub: Hub, on: str, to: str) -> None:
    serve(hub, SIZE)
    hub.faults.add(Redirect(to), on, method="any", times=None)
    with pytest.raises(NetworkError) as error:
        pull()
    assert str(error.value).isprintable()
    assert installed() == []


# Servers that send something else.


@pytest.mark.parametrize(
    "fault",
    [
        IgnoreRange(),
        Unsatisfiable(),
        WrongRange(1),
        Header("Content-Range"),
        Header("Content-Range", "bytes 0-1/2"),
        Header("Content-Range", "bytes \x1b[31m-1/2"),
        Header("Content-Encoding", "gzip"),
        Header("Content-Length", "0"),
        Short(100),
        Long(100),
        Long(100, stated=False),
    ],
)
@pytest.mark.parametrize("times", [1, 2])
def test_a_part_that_is_none_is_not_taken_for_one(hub: Hub, fault: Fault, times: int) -> None:
    content = serve(hub, SIZE)
    hub.faults.add(Cut("close", at=5 * MIB)).add(fault, skip=1, times=times)
    assert is_whole(pull(), content)


@pytest.mark.parametrize("fault", [IgnoreRange(), Long(7), Long(7, stated=False)])
def test_a_server_that_always_errs_this_way_serves_well_enough(hub: Hub, fault: Fault) -> None:
    content = serve(hub, SIZE)
    hub.faults.add(Cut("close", at=5 * MIB)).add(fault, times=None)
    assert is_whole(pull(), content)


@pytest.mark.parametrize("fault", [Etag("0" * 64), Size("7")])
def test_what_the_hub_says_may_be_wrong_for_a_moment(hub: Hub, fault: Fault) -> None:
    content = serve(hub, SIZE)
    hub.faults.add(Cut("close", at=5 * MIB)).add(fault, "file", method="HEAD", skip=1)
    assert is_whole(pull(), content)


def test_a_file_that_always_changes_is_an_error(hub: Hub) -> None:
    serve(hub, SIZE)
    hub.faults.add(Etag("0" * 64), "file", method="HEAD", times=None)
    with pytest.raises(NetworkError, match="changed"):
        pull()
    assert installed() == []


# Wrong bytes.


def check_bad_bytes(hub: Hub, seeds: range) -> None:
    """Downloads files of which one or all bytes are always wrong."""
    for seed in seeds:
        content = serve(hub, 1000 + seed, seed)
        hub.requests.clear()
        hub.faults = Faults(seed).add(Corrupt(whole=seed % 10 == 0), times=None)
        with pytest.raises(ModelError, match="SHA-256") as error:
            pull()
        assert content.sha256[:12] in str(error.value)
        assert NAME in str(error.value)
        assert len(hub.requests.of("cdn")) == 2
        assert installed() == []
        assert leftovers() == []


def test_of_25_damaged_files_none_is_accepted(hub: Hub) -> None:
    check_bad_bytes(hub, range(25))


@pytest.mark.long
@pytest.mark.parametrize("start", range(0, 1000, 100))
def test_of_1000_damaged_files_none_is_accepted(hub: Hub, start: int) -> None:
    check_bad_bytes(hub, range(start, start + 100))


@pytest.mark.parametrize(
    "fault", [Corrupt(), Corrupt(at=0), Corrupt(at=SIZE - 1), Corrupt(whole=True)]
)
def test_a_damaged_file_is_fetched_once_more(hub: Hub, fault: Fault) -> None:
    content = serve(hub, SIZE)
    hub.faults.add(fault)
    assert is_whole(pull(), content)
    assert hub.requests.sent() == 2 * SIZE


def test_a_small_file_outside_the_store_is_checked_as_well(hub: Hub) -> None:
    serve(hub, 1)
    small = File(NAME, b"GGUF" + b"small" * 1000, lfs=False)
    hub.repos[REPO].push([small])
    hub.faults.add(Corrupt(), "file")
    assert pull().read_bytes() == small.content.read(0, small.size)
    small = File(NAME, b"GGUF" + b"other" * 1000, lfs=False)
    hub.repos[REPO].push([small])
    hub.faults = Faults().add(Corrupt(), "file", times=None)
    with pytest.raises(ModelError, match="SHA-1"):
        pull()
    assert leftovers() == []


# Secrets.


def test_the_token_is_shown_to_the_hub_alone(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", MEMBER)
    content = serve(hub, SIZE)
    hub.repos[REPO].gated = "manual"
    hub.faults.add(Cut()).add(Expired(), skip=1).add(Redirect(hub.cdn_url), "file", method="HEAD")
    assert is_whole(pull(), content)
    assert {request.user for request in hub.requests.of("file")} == {"member"}
    assert not any(request.authorized for request in hub.requests.of("cdn"))
    assert not any(request.authorized for request in hub.requests if request.route == "cdn")
    names = "\n".join(cached_files())
    assert MEMBER not in names
