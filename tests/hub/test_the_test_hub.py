"""The test Hub is a Hub: huggingface_hub itself, unchanged, works against it, faults included."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

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

from tests.hub.server import MEMBER, STRANGER, File, Generated, Hub, OnDisk, Repo

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
