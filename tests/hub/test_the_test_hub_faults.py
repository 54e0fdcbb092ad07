"""The test Hub's faults happen on the wire, as their names say."""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError

from tests.hub.server import Faults, File, Generated, Hub, Repo, hostile
from tests.hub.server.faults import (
    Body,
    Corrupt,
    Cut,
    Drop,
    Edit,
    Etag,
    Expired,
    Fault,
    IgnoreRange,
    Long,
    NeverEnds,
    Redirect,
    Short,
    Size,
    Slow,
    SlowHeaders,
    Stall,
    Status,
    TooMany,
    Unsatisfiable,
)

REPO = "tester/Model-GGUF"
LARGE = Generated(3_000_000, seed=1, begin=b"GGUF")


@pytest.fixture
def repo(hub: Hub) -> Repo:
    files = [File("README.md", b"# Model", lfs=False), File("Model-Q4_K_M.gguf", LARGE)]
    return hub.add(Repo(REPO, files))


@pytest.fixture
def api(hub: Hub) -> HfApi:
    return HfApi(endpoint=hub.url, token=False)


def fetch(hub: Hub) -> bytes:
    """What huggingface_hub downloads."""
    options = {"endpoint": hub.url, "token": False, "cache_dir": os.environ["HF_HUB_CACHE"]}
    return Path(hf_hub_download(REPO, "Model-Q4_K_M.gguf", **options)).read_bytes()


def location(hub: Hub) -> str:
    """Where the Hub says that the large file is."""
    return httpx2.head(f"{hub.url}/{REPO}/resolve/main/Model-Q4_K_M.gguf").headers["Location"]


def test_a_reset_is_a_real_one_after_the_chosen_byte(hub: Hub, repo: Repo) -> None:
    hub.faults.add(Cut("reset", at=100_000))
    got: list[bytes] = []
    reset = pytest.raises(httpx2.ReadError, match="reset")
    with httpx2.stream("GET", location(hub)) as answer, reset:
        got.extend(answer.iter_raw())
    assert b"".join(got) == LARGE.read(0, 100_000)
    assert hub.requests.bodies()[0].sent == 100_000


def test_an_early_end_is_an_orderly_one(hub: Hub, repo: Repo) -> None:
    hub.faults.add(Cut("close", at=100_000))
    with pytest.raises(httpx2.RemoteProtocolError, match="closed"):
        httpx2.get(location(hub))
    assert hub.requests.bodies()[0].sent == 100_000


def test_the_same_seed_cuts_at_the_same_bytes(hub: Hub, repo: Repo) -> None:
    def cuts(seed: int) -> list[int]:
        hub.requests.clear()
        hub.faults = Faults(seed).add(Cut("reset"), times=3)
        for _ in range(3):
            with pytest.raises(httpx2.ReadError):
                httpx2.get(location(hub))
        return [request.sent for request in hub.requests.of("cdn")]

    assert cuts(1) == cuts(1) != cuts(2)


def test_huggingface_hub_goes_on_after_an_orderly_end(hub: Hub, repo: Repo) -> None:
    hub.faults.add(Cut("close", at=1_000_000))
    assert hashlib.sha256(fetch(hub)).hexdigest() == LARGE.sha256
    assert len(hub.requests.of("cdn")) == 2


def test_a_fault_meets_what_its_rule_says(hub: Hub, repo: Repo) -> None:
    hub.faults.add(Status(503), "file", method="any", path="*.gguf", times=2, skip=1)
    url = f"{hub.url}/tester/Model-GGUF/resolve/main/"
    codes = [httpx2.head(f"{url}Model-Q4_K_M.gguf").status_code for _ in range(4)]
    assert codes == [302, 503, 503, 302]
    assert httpx2.head(f"{url}README.md").status_code == 200
    assert [request.faults for request in hub.requests[:3]] == [[], ["Status"], ["Status"]]


def test_a_dropped_connection_gets_no_answer(hub: Hub, repo: Repo) -> None:
    hub.faults.add(Drop(), "file", method="HEAD")
    with pytest.raises(httpx2.ReadError):
        location(hub)
    assert hub.requests[-1].status == 0


def test_a_stopped_hub_refuses_and_comes_back_at_its_address(hub: Hub, repo: Repo) -> None:
    url = hub.url
    hub.stop()
    with pytest.raises(httpx2.ConnectError):
        location(hub)
    hub.start()
    assert hub.url == url
    assert location(hub)


@pytest.mark.parametrize("fault", [Stall(at=1000), SlowHeaders(60)])
def test_a_silence_lasts_until_the_client_gives_up(hub: Hub, repo: Repo, fault: Fault) -> None:
    hub.faults.add(fault)
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.get(location(hub), timeout=0.3)


def test_a_slow_body_comes_in_small_pieces(hub: Hub, repo: Repo) -> None:
    hub.faults.add(Slow(1000))
    with httpx2.stream("GET", location(hub)) as answer:
        assert len(next(answer.iter_raw())) < 100


def test_too_many_requests_says_how_long_to_wait(hub: Hub, api: HfApi, repo: Repo) -> None:
    hub.faults.add(TooMany(9), "info")
    with pytest.raises(HfHubHTTPError, match="Retry after 9 seconds") as error:
        api.model_info(repo.name)
    assert error.value.response.headers["Retry-After"] == "9"


def test_a_range_can_be_ignored_or_called_bad(hub: Hub, repo: Repo) -> None:
    hub.faults.add(IgnoreRange()).add(Unsatisfiable(), skip=1)
    headers = {"Range": "bytes=5-"}
    answer = httpx2.get(location(hub), headers=headers)
    assert (answer.status_code, len(answer.content)) == (200, LARGE.size)
    assert "Content-Range" not in answer.headers
    assert httpx2.get(location(hub), headers=headers).status_code == 416


def test_bytes_can_be_wrong_one_or_all(hub: Hub, repo: Repo) -> None:
    right = LARGE.read(0, LARGE.size)
    hub.faults.add(Corrupt())
    one = httpx2.get(location(hub)).content
    assert len(one) == len(right)
    assert sum(a != b for a, b in zip(one, right, strict=True)) == 1
    hub.faults.add(Corrupt(whole=True))
    every = httpx2.get(location(hub)).content
    assert all(a != b for a, b in zip(every, right, strict=True))


def test_huggingface_hub_takes_wrong_bytes_for_good_ones(hub: Hub, repo: Repo) -> None:
    # The reason why r1chat downloads by itself; the day this fails, that can be thought over.
    hub.faults.add(Corrupt(), times=None)
    assert hashlib.sha256(fetch(hub)).hexdigest() != LARGE.sha256


def test_a_body_can_be_short_long_or_endless(hub: Hub, repo: Repo) -> None:
    hub.faults.add(Short(10)).add(Long(10), skip=1).add(Long(10, stated=False), skip=2)
    sizes = [len(httpx2.get(location(hub)).content) for _ in range(3)]
    assert sizes == [LARGE.size - 10, LARGE.size + 10, LARGE.size + 10]
    hub.faults.add(NeverEnds(b"[", b"1,"))
    got = b""
    with httpx2.stream("GET", location(hub)) as answer:
        for data in answer.iter_raw():
            got += data
            if len(got) > LARGE.size * 3:
                break
    assert got.startswith(b"[1,1,1,")


def test_etag_and_size_can_change(hub: Hub, api: HfApi, repo: Repo) -> None:
    hub.faults.add(Etag("/x/y"), "file", method="HEAD").add(Size("7"), "file", method="HEAD")
    url = f"{hub.url}/tester/Model-GGUF/resolve/main/Model-Q4_K_M.gguf"
    headers = httpx2.head(url).headers
    assert (headers["X-Linked-Etag"], headers["X-Linked-Size"]) == ('"/x/y"', "7")
    assert httpx2.head(url).headers["X-Linked-Size"] == str(LARGE.size)


def test_redirects_can_lead_in_a_circle_or_to_another_scheme(hub: Hub, repo: Repo) -> None:
    hub.faults.add(Redirect("?again"), "file", method="HEAD", times=None)
    url = f"{hub.url}/tester/Model-GGUF/resolve/main/Model-Q4_K_M.gguf"
    with pytest.raises(httpx2.TooManyRedirects):
        httpx2.head(url, follow_redirects=True)
    hub.faults = Faults().add(Redirect(), "file", method="HEAD")
    with pytest.raises(httpx2.UnsupportedProtocol):
        httpx2.head(url, follow_redirects=True)


def test_an_expired_location_can_be_had_at_once(hub: Hub, repo: Repo) -> None:
    hub.faults.add(Expired())
    assert httpx2.get(location(hub)).status_code == 403


def test_hostile_metadata_comes_through(hub: Hub, api: HfApi, repo: Repo) -> None:
    def lie(about: dict[str, object]) -> dict[str, object]:
        siblings = [{"rfilename": name, "size": -1} for name in hostile.NAMES]
        return about | {"downloads": "\x1b[31mmany", "siblings": siblings}

    hub.faults.add(Edit(lie), "info")
    found = api.model_info(repo.name)
    assert found.downloads == "\x1b[31mmany"
    assert tuple(sibling.rfilename for sibling in found.siblings) == hostile.NAMES


def test_hostile_files_can_be_listed_and_fetched(hub: Hub, api: HfApi, repo: Repo) -> None:
    names = [name for name in hostile.NAMES if "\ud800" not in name]
    repo.push([File(name, b"hostile") for name in names])
    assert {entry.rfilename for entry in api.model_info(repo.name).siblings} == set(names)
    parts = urlsplit(hub.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port)
    connection.request("HEAD", "/tester/Model-GGUF/resolve/main/..%2Foutside.gguf")
    assert connection.getresponse().status == 302
    connection.close()


@pytest.mark.parametrize("body", hostile.ERROR_BODIES)
def test_hostile_error_bodies_arrive_as_they_are(hub: Hub, repo: Repo, body: bytes) -> None:
    hub.faults.add(Status(500, body), "info")
    answer = httpx2.get(f"{hub.url}/api/models/{repo.name}")
    assert (answer.status_code, answer.content) == (500, body)


@pytest.mark.parametrize("etag", [*hostile.ETAGS, *hostile.RAW_ETAGS])
def test_hostile_etags_arrive_as_they_are(hub: Hub, repo: Repo, etag: str) -> None:
    hub.faults.add(Etag(etag, quoted=False), "file", method="HEAD")
    parts = urlsplit(hub.url)
    with socket.create_connection((parts.hostname, parts.port)) as raw:
        raw.sendall(
            b"HEAD /tester/Model-GGUF/resolve/main/Model-Q4_K_M.gguf HTTP/1.1\r\n"
            b"Host: hub\r\nConnection: close\r\n\r\n"
        )
        got = b"".join(iter(lambda: raw.recv(65536), b""))
    assert b"X-Linked-Etag: " + etag.encode("utf-8", "surrogateescape") + b"\r\n" in got


def test_a_body_can_be_anything(hub: Hub, repo: Repo) -> None:
    hub.faults.add(Body(b"\0\xff"), "search")
    assert httpx2.get(f"{hub.url}/api/models").content == b"\0\xff"
