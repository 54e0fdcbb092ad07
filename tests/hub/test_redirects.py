"""Every request to the Hub follows the same redirects, and takes the token nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import r1chat
from r1chat.errors import NetworkError
from r1chat.hub.download import download, patience
from r1chat.hub.environment import Environment
from r1chat.hub.reference import parse
from r1chat.hub.remote import Remote
from r1chat.hub.variants import find
from tests.hub.certificates import Authority
from tests.hub.server import MEMBER, File, Hub, Repo, faults
from tests.program import run

NAME = "acme/Tiny-GGUF"
PATH = "Tiny-F16.gguf"
TINY = Path(r1chat.__file__).parent / "models" / "tiny.gguf"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_S", 0.01)
    monkeypatch.setattr(patience, "LONGEST_S", 0.02)


def a_repo() -> Repo:
    return Repo(NAME, [File("config.json", b"{}", lfs=False), File(PATH, TINY)], tags=("gguf",))


@pytest.fixture
def mirror(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The Hub that r1chat is told of, and has a token for."""
    monkeypatch.setenv("HF_TOKEN", MEMBER)
    hub.add(a_repo())
    return hub


@pytest.fixture
def other(hub: Hub) -> Iterator[Hub]:
    """Another site that has the same."""
    with Hub([a_repo()]) as running:
        yield running
    assert not running.mistakes, running.mistakes


def info(hub: Hub) -> str:
    return f"/api/models/{NAME}/revision/main?blobs=true"


def address(hub: Hub, path: str = PATH) -> str:
    return f"/{NAME}/resolve/{hub.repos[NAME].refs['main']}/{path}"


def all_of_it() -> Path:
    """Lists, reads the header from afar, and downloads."""
    remote = Remote(wait=lambda _: None)
    ref = parse(NAME)
    assert ref is not None
    variant = find(remote, ref)
    assert remote.header(variant.files[0]).arch == "qwen2"
    assert remote.search("tiny")
    return download(variant, remote)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_mirror_whose_files_are_at_another_host_is_good_for_everything(mirror, other, status):
    """The Hub's address of a file leads to another Hub, which leads to its own store."""
    to = f"{other.url}{address(other)}"
    for method in ("HEAD", "GET"):
        mirror.faults.add(faults.Redirect(to, status), "file", method=method, times=None)
    assert all_of_it().read_bytes() == TINY.read_bytes()
    assert not mirror.requests.of("cdn")
    assert other.requests.of("cdn")


@pytest.mark.parametrize("kind", ["relative", "without a scheme", "absolute", "other", "several"])
@pytest.mark.parametrize("on", ["info", "search", "file", "cdn"])
def test_each_request_follows_each_kind_of_redirect(mirror, other, kind, on):
    route = {
        "info": info(mirror),
        "search": "/api/models?search=tiny&filter=gguf&limit=50",
        "file": address(mirror),
        "cdn": address(mirror),
    }[on]
    there = f"{other.url}{route}"
    ways = {
        "relative": [route],
        "without a scheme": [f"{mirror.url}{route}".removeprefix("http:")],
        "absolute": [f"{mirror.url}{route}"],
        "other": [there],
        "several": [f"{mirror.url}{route}", there],
    }[kind]
    if on == "cdn":
        # What a store says relatively would be at the store.
        ways = [
            f"{mirror.url}{way}" if way.startswith("/") and way[1] != "/" else way for way in ways
        ]
    for way in ways:
        for method in ("GET", "HEAD"):
            mirror.faults.add(faults.Redirect(way), on, method=method)
    assert all_of_it().read_bytes() == TINY.read_bytes()
    assert any(request.faults for request in mirror.requests.of(on))
    assert bool(other.requests) == (kind in {"other", "several"})


def test_the_token_goes_to_the_hub_alone_and_comes_back_with_us(mirror, other):
    """The way leads to another site and back to the Hub."""
    back = f"{mirror.url}{info(mirror)}"
    mirror.faults.add(faults.Redirect(f"{other.url}{info(other)}"), "info")
    other.faults.add(faults.Redirect(back), "info")
    files = f"{other.url}{address(other)}"
    mirror.faults.add(faults.Redirect(files), "file", method="HEAD", times=None)
    all_of_it()
    assert not any(request.authorized for request in other.requests)
    assert all(request.authorized for request in mirror.requests if request.route != "cdn")
    assert not any(request.authorized for request in mirror.requests.of("cdn"))


@pytest.mark.parametrize("on", ["info", "file", "cdn"])
def test_a_circle_is_an_error_after_ten_requests(mirror, other, on):
    one, two = (f"{hub.url}{address(mirror)}" for hub in (mirror, other))
    for hub, to in ((mirror, two), (other, one)):
        for route in {on, "file"}:
            for method in ("HEAD", "GET"):
                hub.faults.add(faults.Redirect(to), route, method=method, times=None)
    if on == "cdn":
        mirror.faults.clear()
        mirror.faults.add(faults.Redirect(two), "cdn", times=None)
        mirror.faults.add(faults.Redirect(two), "file", method="GET", times=None)
    with pytest.raises(NetworkError, match="redirects in a loop"):
        all_of_it()


@pytest.mark.parametrize("on", ["info", "file", "cdn"])
def test_nothing_leads_from_an_encrypted_address_to_an_unencrypted_one(
    hub, tmp_path, monkeypatch, on
):
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    hub.add(a_repo())
    with Hub([a_repo()], tls=authority.server()) as safe:
        monkeypatch.setenv("HF_ENDPOINT", safe.url)
        assert all_of_it().read_bytes() == TINY.read_bytes()
        before = len(hub.requests)
        to = f"{hub.url}{info(hub) if on == 'info' else address(hub)}"
        for method in ("HEAD", "GET"):
            safe.faults.add(faults.Redirect(to), on, method=method, times=None)
        with pytest.raises(
            NetworkError, match=r"unencrypted address at 127\.0\.0\.1: not followed"
        ):
            all_of_it()
        assert len(hub.requests) == before


@pytest.mark.parametrize(
    ("endpoint", "url", "own"),
    [
        ("http://hub.example", "https://hub.example/x", True),
        ("http://hub.example", "http://hub.example:80/x", True),
        ("http://hub.example", "https://HUB.example:443/x", True),
        ("https://hub.example", "http://hub.example/x", False),
        ("http://hub.example", "https://hub.example:8443/x", False),
        ("http://hub.example:8080", "https://hub.example/x", False),
        ("https://hub.example", "https://hub.example.evil/x", False),
        ("https://hub.example", "https://cdn.hub.example/x", False),
        ("https://hub.example", "https://hub.example@evil/x", False),
    ],
)
def test_the_token_goes_to_the_same_host_also_once_it_is_encrypted(endpoint, url, own):
    environment = Environment(endpoint, offline=False, token=MEMBER, timeout_s=1)
    assert ("authorization" in environment.headers(url)) is own


def test_small_files_that_are_elsewhere_are_not_said_to_have_changed(mirror, other):
    to = f"{other.url}{address(other, 'config.json')}"
    mirror.faults.add(faults.Redirect(to), "file", method="HEAD", times=None)
    remote = Remote()
    small = next(file for file in remote.listing(NAME).files if file.path == "config.json")
    assert remote.locate(small).url == to


def test_the_program_fetches_through_such_a_mirror(mirror, other, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    to = f"{other.url}{address(other)}"
    mirror.faults.add(faults.Redirect(to), "file", method="HEAD", times=None)
    code, out, err = run("models", "pull", NAME)
    assert (code, Path(out.strip()).read_bytes()) == (0, TINY.read_bytes()), err


@pytest.mark.parametrize("code", [405, 501])
def test_a_mirror_that_knows_no_head_is_good_for_everything(mirror, other, code):
    mirror.faults.add(faults.Status(code), "file", method="HEAD", times=None)
    to = f"{other.url}{address(other)}"
    mirror.faults.add(faults.Redirect(to), "file", method="GET", times=None)
    assert all_of_it().read_bytes() == TINY.read_bytes()
    assert not any(request.authorized for request in other.requests)


def test_a_mirror_that_says_nothing_of_the_length_is_believed(mirror):
    mirror.faults.add(faults.Status(200, b""), "file", method="HEAD", times=None)
    assert all_of_it().read_bytes() == TINY.read_bytes()
