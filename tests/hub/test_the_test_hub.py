"""The test Hub is a Hub: huggingface_hub itself, unchanged, works against it, faults included."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.hub.server import MEMBER, STRANGER, Faults, File, Generated, Hub, OnDisk, Repo, hostile
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

LARGE = Generated(3_000_000, seed=1, begin=b"GGUF")
README = b"---\nlicense: mit\n---\n"
ABOUT = {"architecture": "qwen2", "total": 1_777_088_000, "context_length": 131072}


@pytest.fixture
def repo(hub: Hub) -> Repo:
    files = [
        File("README.md", README, lfs=False),
        File("Model-Q4_K_M.gguf", LARGE),
        File("Model-F16/Model-F16-00001-of-00002.gguf", Generated(1000, 2)),
        File("Model-F16/Model-F16-00002-of-00002.gguf", Generated(1001, 3)),
    ]
    return hub.add(Repo("tester/Model-GGUF", files, gguf=ABOUT, base_model="maker/Model"))


@pytest.fixture
def api(hub: Hub) -> HfApi:
    return HfApi(endpoint=hub.url, token=False)


def fetch(hub: Hub, path: str = "Model-Q4_K_M.gguf", **options: object) -> bytes:
    """What huggingface_hub downloads."""
    # It read the environment when it was imported, perhaps in another test.
    here = {"endpoint": hub.url, "token": False, "cache_dir": os.environ["HF_HUB_CACHE"]}
    options = here | options
    return Path(hf_hub_download("tester/Model-GGUF", path, **options)).read_bytes()


def location(hub: Hub, token: str | None = None) -> str:
    """Where the Hub says that the large file is."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"{hub.url}/tester/Model-GGUF/resolve/main/Model-Q4_K_M.gguf"
    return httpx2.head(url, headers=headers).headers["Location"]


def test_a_large_file_arrives_from_the_other_origin(hub: Hub, repo: Repo) -> None:
    data = fetch(hub)
    assert hashlib.sha256(data).hexdigest() == LARGE.sha256
    assert data.startswith(b"GGUF")
    assert hub.requests.sent("cdn") == LARGE.size
    assert [request.method for request in hub.requests.of("file")] == ["HEAD"]


def test_a_small_file_arrives_from_the_hub_itself(hub: Hub, repo: Repo) -> None:
    assert fetch(hub, "README.md") == README
    assert not hub.requests.of("cdn")


def test_the_token_goes_to_the_hub_and_never_to_the_other_origin(hub: Hub, repo: Repo) -> None:
    repo.gated = "manual"
    fetch(hub, token=MEMBER)
    assert all(request.user == "member" for request in hub.requests.of("file"))
    assert hub.requests.bodies()
    assert not any(request.authorized for request in hub.requests.of("cdn"))


def test_the_other_origin_refuses_who_shows_it_a_token(hub: Hub, repo: Repo) -> None:
    answer = httpx2.get(location(hub), headers={"Authorization": f"Bearer {MEMBER}"})
    assert answer.status_code == 400


def test_a_listing_states_sizes_and_sums(api: HfApi, repo: Repo) -> None:
    found = api.model_info("tester/Model-GGUF", files_metadata=True)
    assert found.sha == repo.refs["main"]
    assert found.gguf == ABOUT
    assert found.card_data["license"] == "mit"
    assert found.card_data["base_model"] == "maker/Model"
    by_name = {sibling.rfilename: sibling for sibling in found.siblings}
    large = by_name["Model-Q4_K_M.gguf"]
    assert (large.size, large.lfs.sha256) == (LARGE.size, LARGE.sha256)
    command = [shutil.which("git"), "hash-object", "--stdin"]
    oid = subprocess.run(command, input=README, capture_output=True, check=True).stdout
    assert by_name["README.md"].blob_id == oid.decode().strip()
    assert by_name["README.md"].lfs is None


def test_a_listing_without_blobs_has_names_alone(api: HfApi, repo: Repo) -> None:
    found = api.model_info("tester/Model-GGUF")
    assert len(found.siblings) == 4
    assert {sibling.size for sibling in found.siblings} == {None}


def test_an_older_commit_and_a_branch_stay_readable(hub: Hub, api: HfApi, repo: Repo) -> None:
    first = repo.refs["main"]
    repo.push([File("README.md", b"new", lfs=False)])
    repo.push([File("README.md", b"branch", lfs=False)], "a/b")
    assert fetch(hub, "README.md", revision=first) == README
    assert fetch(hub, "README.md") == b"new"
    assert fetch(hub, "README.md", revision="a/b") == b"branch"
    assert api.model_info("tester/Model-GGUF", revision="a/b").sha == repo.refs["a/b"]


def test_head_is_main_and_raw_is_what_git_holds(hub: Hub, api: HfApi, repo: Repo) -> None:
    assert api.model_info(repo.name, revision="HEAD").sha == repo.refs["main"]
    url = f"{hub.url}/{repo.name}/raw/main"
    assert httpx2.get(f"{url}/README.md").content == README
    assert f"oid sha256:{LARGE.sha256}" in httpx2.get(f"{url}/Model-Q4_K_M.gguf").text


def test_a_search_finds_by_words_author_and_tag(hub: Hub, api: HfApi, repo: Repo) -> None:
    hub.add(Repo("other/Model-7B"))
    names = [found.id for found in api.list_models(search="model gguf")]
    assert names == ["tester/Model-GGUF"]
    assert [found.id for found in api.list_models(filter="gguf")] == names
    assert [found.id for found in api.list_models(author="other")] == ["other/Model-7B"]


def test_a_search_comes_in_pages_and_tells_what_it_is_asked(hub: Hub, api: HfApi) -> None:
    for number in range(25):
        hub.add(Repo(f"many/Model-{number:02}", gguf=ABOUT, downloads=number))
    found = list(api.list_models(search="many", sort="downloads", expand=["gguf", "downloads"]))
    assert [model.downloads for model in found] == list(range(24, -1, -1))
    assert found[0].gguf == ABOUT
    assert found[0].likes is None
    url = f"{hub.url}/api/models?limit=10"
    sizes = []
    while url:
        answer = httpx2.get(url)
        sizes.append(len(answer.json()))
        url = answer.links.get("next", {}).get("url")
    assert sizes == [10, 10, 5]


def test_a_tree_lists_a_folder_or_everything(hub: Hub, api: HfApi, repo: Repo) -> None:
    hub.tree_page = 2
    names = [entry.path for entry in api.list_repo_tree(repo.name)]
    assert names == ["Model-F16", "Model-Q4_K_M.gguf", "README.md"]
    names = [entry.path for entry in api.list_repo_tree(repo.name, recursive=True)]
    assert len(names) == 5
    inside = list(api.list_repo_tree(repo.name, "Model-F16"))
    assert [entry.size for entry in inside] == [1000, 1001]
    assert inside[0].lfs.sha256 == Generated(1000, 2).sha256


def test_single_paths_can_be_asked_for_as_a_form_and_as_json(
    hub: Hub, api: HfApi, repo: Repo
) -> None:
    asked = ["README.md", "Model-F16", "not there"]
    found = api.get_paths_info(repo.name, asked)
    assert [entry.path for entry in found] == ["README.md", "Model-F16"]
    url = f"{hub.url}/api/models/{repo.name}/paths-info/main"
    assert len(httpx2.post(url, json={"paths": asked}).json()) == 2


def test_who_somebody_is(hub: Hub, api: HfApi) -> None:
    assert api.whoami(token=MEMBER)["name"] == "member"
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        api.whoami(token="hf_nobody")  # noqa: S106 - nobody's


def test_what_is_missing_has_its_own_error(hub: Hub, api: HfApi, repo: Repo) -> None:
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("tester/None")
    with pytest.raises(RevisionNotFoundError):
        api.model_info(repo.name, revision="none")
    with pytest.raises(EntryNotFoundError):
        fetch(hub, "none.gguf")


def test_a_gated_file_is_refused_but_its_listing_is_not(hub: Hub, api: HfApi, repo: Repo) -> None:
    repo.gated = "manual"
    assert api.model_info(repo.name).gated == "manual"
    for token, status in ((False, 401), (STRANGER, 403)):
        with pytest.raises(GatedRepoError) as error:
            fetch(hub, token=token)
        assert error.value.response.status_code == status
    assert len(fetch(hub, token=MEMBER)) == LARGE.size


def test_a_private_repository_is_there_for_members_only(hub: Hub, api: HfApi, repo: Repo) -> None:
    repo.private = True
    assert not list(api.list_models(search="model"))
    for token in (False, STRANGER):
        with pytest.raises(RepositoryNotFoundError) as error:
            api.model_info(repo.name, token=token)
        assert not isinstance(error.value, GatedRepoError)
    assert api.model_info(repo.name, token=MEMBER).private


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=1000-", 1000, LARGE.size),
        ("bytes=65530-65545", 65530, 65546),
        ("bytes=-7", LARGE.size - 7, LARGE.size),
        ("bytes=2999999-9999999", 2_999_999, LARGE.size),
    ],
)
def test_a_range_is_that_part_of_the_file(
    hub: Hub, repo: Repo, asked: str, start: int, stop: int
) -> None:
    answer = httpx2.get(location(hub), headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{LARGE.size}"
    assert answer.content == LARGE.read(0, LARGE.size)[start:stop]


def test_a_range_past_the_end_is_refused(hub: Hub, repo: Repo) -> None:
    answer = httpx2.get(location(hub), headers={"Range": f"bytes={LARGE.size}-"})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{LARGE.size}"


def test_a_range_for_another_version_gets_the_whole(hub: Hub, repo: Repo) -> None:
    headers = {"Range": "bytes=5-9", "If-Range": '"another"'}
    assert httpx2.get(location(hub), headers=headers).status_code == 200


def test_a_signed_location_expires(hub: Hub, repo: Repo) -> None:
    url = location(hub)
    assert httpx2.get(url).status_code == 200
    assert httpx2.get(url.replace("Signature=", "Signature=0")).status_code == 403
    hub.expire_links()
    assert httpx2.get(url).status_code == 403
    hub.signed_for = -1
    assert httpx2.get(location(hub)).status_code == 403


def test_a_file_on_disk_arrives_as_it_is(hub: Hub, repo: Repo, tmp_path: Path) -> None:
    path = tmp_path / "real.bin"
    path.write_bytes(LARGE.read(0, LARGE.size))
    repo.push([File("real.gguf", OnDisk(path))])
    assert fetch(hub, "real.gguf") == path.read_bytes()


def test_a_generated_file_costs_no_memory_and_has_no_two_like_places() -> None:
    large = Generated(10**15, 5)
    parts = {large.read(at, at + 70_000) for at in range(0, 10**15, 10**12)}
    assert len(parts) == 1000
    assert large.read(10, 200_000) == Generated(10**15, 5).read(0, 200_000)[10:]
    assert large.read(0, 1000) != Generated(10**15, 6).read(0, 1000)


# Faults.


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


def test_it_runs_by_hand_with_faults_from_the_command_line(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "Mine").mkdir()
    (tmp_path / "Mine" / "tiny.gguf").write_bytes(b"GGUF tiny")
    server = Path(__file__).parent / "server"
    command = [sys.executable, str(server), str(tmp_path / "Mine")]
    command += ["--fault", "Status,code=503,on=info,body=busy"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            url = process.stdout.readline().strip().removeprefix("HF_ENDPOINT=")
            assert httpx2.get(f"{url}/api/models/tester/Mine-GGUF").text == "busy"
            found = HfApi(endpoint=url, token=False).model_info("tester/Mine-GGUF")
            assert found.siblings[0].rfilename == "tiny.gguf"
        finally:
            process.terminate()
            printed = process.communicate()[1]
    assert process.returncode == 0
    assert "503 GET /api/models/tester/Mine-GGUF 4 [Status]" in printed
