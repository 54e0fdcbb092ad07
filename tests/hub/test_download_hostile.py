"""Downloads from a Hub that means harm: nothing is written outside the cache, or shown raw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from r1chat.errors import R1ChatError
from r1chat.hub.download import download, patience
from r1chat.hub.layout import hub_cache
from r1chat.hub.remote import Remote
from r1chat.hub.variants import variants
from tests.hub.pulling import NAME, REPO, installed, pull, serve
from tests.hub.server import Content, Faults, File, Hub, Repo, hostile
from tests.hub.server.faults import Edit, Etag, Header, Redirect, Size, Status

SIZE = 5000


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets it try again soon; how often, and what it does then, is as ever."""
    monkeypatch.setattr(patience, "FIRST_S", 0.01)
    monkeypatch.setattr(patience, "LONGEST_S", 0.05)
    monkeypatch.setattr("r1chat.hub.client._FIRST_WAIT_S", 0.01)


@pytest.fixture(autouse=True)
def _nothing_outside(tmp_path: Path) -> Iterator[None]:
    """Checks in the end that all that was written lies in the cache, and belongs there."""
    yield
    cache = hub_cache()
    known = {"blobs", "snapshots", "refs"}
    for path in tmp_path.rglob("*"):
        if cache in path.parents:
            parts = path.relative_to(cache).parts
            assert parts[0] in {".locks", "CACHEDIR.TAG", "models--tester--Model-GGUF"}, path
            assert len(parts) < 2 or parts[0] == ".locks" or parts[1] in known, path
            if path.is_symlink():
                assert cache in path.resolve().parents, path
        else:
            assert path == cache or path in cache.parents, path
    for name in hostile.NAMES:
        if name.startswith("/"):
            assert not Path(name).exists()
    assert not Path("/r1chat-hostile").exists()


def refuse() -> str:
    """Downloads in vain; the error."""
    with pytest.raises(R1ChatError) as error:
        pull()
    text = str(error.value)
    assert text.isprintable()
    assert len(text) < 1000
    return text


def refused_or(content: Content) -> None:
    """Downloads: either this file comes of it, or an error that can be shown."""
    try:
        data = pull().read_bytes()
    except R1ChatError as error:
        text = str(error)
    else:
        assert data == content.read(0, content.size)
        text = ""
    assert text.isprintable()


def test_a_hostile_etag_of_a_file_is_no_path(hub: Hub) -> None:
    serve(hub, SIZE)
    for etag in (*hostile.ETAGS, *hostile.RAW_ETAGS):
        for quoted in (True, False):
            hub.faults = Faults().add(Etag(etag, quoted=quoted), "file", method="HEAD", times=None)
            refuse()
    assert installed() == []


def test_a_hostile_checksum_in_a_listing_is_left_out(hub: Hub) -> None:
    serve(hub, SIZE)
    for value in (*hostile.ETAGS, *hostile.NUMBERS):

        def lie(about: dict[str, Any], value: object = value) -> dict[str, Any]:
            about["siblings"][0]["lfs"]["sha256"] = value
            return about

        hub.faults = Faults().add(Edit(lie), "info", times=None)
        assert "no GGUF model" in refuse()
    assert not hub.requests.of("file")


@pytest.mark.parametrize("field", ["size", "lfs", "rfilename", "blobId"])
def test_a_hostile_value_in_a_listing_breaks_nothing(hub: Hub, field: str) -> None:
    for seed, value in enumerate((*hostile.NUMBERS, *hostile.TEXTS)):
        content = serve(hub, SIZE, seed)

        def lie(about: dict[str, Any], value: object = value) -> dict[str, Any]:
            about["siblings"][0][field] = value
            return about | {"cardData": value, "gguf": value, "gated": value}

        hub.faults = Faults().add(Edit(lie), "info", times=None)
        refused_or(content)


@pytest.mark.parametrize("name", hostile.NAMES, ids=range(len(hostile.NAMES)))
def test_a_hostile_name_is_left_out_or_stays_inside(hub: Hub, name: str) -> None:
    hub.add(Repo(REPO, [File(name, b"GGUF hostile"), File(NAME, b"GGUF good")]))
    remote = Remote()
    for variant in variants(remote.listing(REPO)):
        assert variant.name.isprintable()
        assert variant.ref.isprintable()
        path = download(variant, remote)
        assert path.read_bytes() in {b"GGUF hostile", b"GGUF good"}
        assert hub_cache() in path.resolve().parents
    assert any(path.name == NAME for path in installed())


def test_a_hostile_commit_is_refused(hub: Hub) -> None:
    serve(hub, SIZE)
    for commit in (*hostile.ETAGS, *hostile.NUMBERS, ["0" * 40], "0" * 41, "0" * 64):
        hub.faults = Faults().add(Edit(lambda about, it=commit: about | {"sha": it}), "info")
        refuse()
    assert not hub.requests.of("file")


def test_a_hostile_size_is_refused(hub: Hub) -> None:
    serve(hub, SIZE)
    for size in ("-1", "1e3", "0x10", "", "9" * 30, "\x1b[31m7", "5001"):
        hub.faults = Faults().add(Size(size), "file", method="HEAD", times=None)
        refuse()
    assert installed() == []


@pytest.mark.parametrize("on", ["info", "file", "cdn"])
def test_a_hostile_error_is_shown_in_one_clean_line(hub: Hub, on: str) -> None:
    serve(hub, SIZE)
    said = (("X-Error-Message", "\x1b[31m" + "x" * 5000), ("X-Error-Code", "\x1b[2J"))
    # What the store says is not read at all, and asked for eight times.
    for body in hostile.ERROR_BODIES[: 2 if on == "cdn" else None]:
        for headers in ((), said):
            hub.faults = Faults().add(Status(403, body, headers), on, method="any", times=None)
            refuse()


def test_a_hostile_location_is_shown_in_one_clean_line(hub: Hub) -> None:
    serve(hub, SIZE)
    for text in (*hostile.TEXTS, "http://[::1", "http://\x1b[31m/", "x" * 60_000):
        location = " ".join(text.split()).encode("utf-8", "replace").decode()
        hub.faults = Faults().add(Redirect(location), "file", method="any", times=None)
        refuse()


@pytest.mark.parametrize("name", ["Content-Range", "Content-Length", "Retry-After", "Location"])
def test_a_hostile_header_leads_to_no_wrong_file(hub: Hub, name: str) -> None:
    values = ("-1", "9" * 400, "\x1b[31m", "bytes -1--1/-1", "bytes 0-9/*", "\u0663", "nan")
    for seed, value in enumerate(values):
        content = serve(hub, SIZE, seed)
        hub.faults = Faults().add(Header(name, value), times=3)
        hub.faults.add(Header(name, value), "file", method="HEAD", times=1)
        refused_or(content)
