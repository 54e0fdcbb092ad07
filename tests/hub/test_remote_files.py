"""Where the Hub says that bytes are, headers that are read from afar, and who sees the token."""

from __future__ import annotations

import logging
from pathlib import Path

import gguf
import numpy as np
import pytest

from r1chat.errors import ModelError, NetworkError
from r1chat.gguf import read_header
from r1chat.hub.environment import Environment
from r1chat.hub.remote import Busy, FileChanged, Remote
from r1chat.sanitize import line
from tests.hub.server import MEMBER, STRANGER, File, Generated, Repo, faults, hostile

NAME = "owner/Model-GGUF"
PATH = "Model-Q4_K_M.gguf"
GIB = 1 << 30


def write_header(path, *, tokens=300, size=8 * GIB):
    """Writes the header of a model whose tensors are not in the file, but would have that size."""
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_block_count(28)
    writer.add_context_length(131_072)
    writer.add_embedding_length(3584)
    writer.add_head_count(28)
    writer.add_head_count_kv([4] * 28)
    writer.add_token_list([f"token{number}" for number in range(tokens)])
    writer.add_chat_template("{{ messages }}")
    shape = (size // 2 // 3584, 3584)
    nbytes = shape[0] * shape[1] * 2
    writer.add_tensor_info("output.weight", shape, np.dtype(np.float16), nbytes)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    return Path(path).read_bytes()


@pytest.fixture(scope="module")
def beginning(tmp_path_factory):
    """A header with as many tokens as Qwen has."""
    return write_header(tmp_path_factory.mktemp("gguf") / "model.gguf", tokens=152_064)


@pytest.fixture
def repo(hub, beginning):
    large = Generated(9 * GIB, begin=beginning, sha256="ab" * 32)
    return hub.add(Repo(NAME, [File("small.gguf", b"GGUF", lfs=False), File(PATH, large)]))


@pytest.fixture
def remote(repo):
    return Remote(wait=lambda _: None)


@pytest.fixture
def file(remote):
    return remote.listing(NAME).files[1]


@pytest.fixture
def small(remote):
    return remote.listing(NAME).files[0]


# Locations


def test_a_large_file_is_elsewhere_and_the_token_stays_at_the_hub(hub, file, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", MEMBER)
    location = Remote().locate(file)
    assert location.url.startswith(hub.cdn_url)
    assert "Signature=" in location.url
    assert "authorization" not in {name.lower() for name in location.headers}
    assert hub.requests[-1].user == "member"


def test_a_small_file_is_at_the_hub_which_sees_the_token(hub, small, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", MEMBER)
    location = Remote().locate(small)
    assert location.url == f"{hub.url}/{NAME}/resolve/{small.commit}/small.gguf"
    assert location.headers["authorization"] == f"Bearer {MEMBER}"


def test_a_location_shows_neither_address_nor_token(small, file, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", MEMBER)
    remote = Remote()
    for each in (small, file):
        shown = repr(remote.locate(each))
        assert "http" not in shown
        assert MEMBER not in shown
    assert MEMBER not in repr(Environment.read())
    assert MEMBER not in repr(vars(remote))


def test_every_location_is_asked_for_anew(hub, remote, file):
    first = remote.locate(file)
    hub.expire_links()
    assert remote.locate(file).url != first.url
    assert len(hub.requests.of("file", "HEAD")) == 2


@pytest.mark.parametrize("etag", ["0" * 64, "0" * 40, *hostile.ETAGS])
def test_another_etag_means_that_the_file_changed(hub, remote, file, small, etag):
    hub.faults.add(faults.Etag(etag), "file", method="HEAD", times=2)
    for each in (file, small):
        with pytest.raises(FileChanged, match="changed on the Hub since it was listed"):
            remote.locate(each)


@pytest.mark.parametrize("etag", hostile.RAW_ETAGS)
def test_an_etag_that_no_header_can_have_is_not_believed(hub, remote, file, etag):
    hub.faults.add(faults.Etag(etag, quoted=False), "file", method="HEAD")
    with pytest.raises(NetworkError) as caught:
        remote.locate(file)
    assert str(caught.value) == line(str(caught.value), 500)


@pytest.mark.parametrize("size", ["1", "-1", "", "9" * 5000, "x", "1e9", "\x1b"])
def test_another_size_means_that_the_file_changed(hub, remote, file, size):
    hub.faults.add(faults.Size(size), "file", method="HEAD")
    with pytest.raises(NetworkError):
        remote.locate(file)


def test_a_weak_etag_is_the_same_etag(hub, remote, file):
    hub.faults.add(faults.Etag(f'W/"{file.etag}"', quoted=False), "file", method="HEAD")
    assert remote.locate(file).url


def test_a_mirror_that_states_no_etag_is_good_enough_for_a_file_with_a_checksum(hub, remote, file):
    hub.faults.add(faults.Header("X-Linked-Etag"), "file", method="HEAD")
    hub.faults.add(faults.Header("X-Linked-Size"), "file", method="HEAD")
    assert remote.locate(file).url.startswith(hub.cdn_url)


def test_a_redirect_within_the_hub_keeps_what_was_said_of_the_file(hub, remote, file):
    to = f"/{NAME}/resolve/{file.commit}/{PATH}"
    hub.faults.add(faults.Redirect(to, 307), "file", method="HEAD")
    hub.faults.add(faults.Header("X-Linked-Etag", f'"{"0" * 64}"'), "file", method="HEAD")
    with pytest.raises(FileChanged):
        remote.locate(file)
    assert remote.locate(file).url.startswith(hub.cdn_url)


@pytest.mark.parametrize("to", ["file:///etc/hostname", "ftp://127.0.0.1/x", "http://["])
def test_a_location_that_is_no_address_is_refused(hub, remote, file, to):
    hub.faults.add(faults.Redirect(to), "file", method="HEAD")
    with pytest.raises(NetworkError):
        remote.locate(file)


def test_a_gated_file_is_refused_with_what_to_do(hub, repo, file, monkeypatch):
    repo.gated = "manual"
    page = f"{hub.url}/{NAME}"
    with pytest.raises(NetworkError, match=f"{NAME} is gated: .* at {page} and set HF_TOKEN"):
        Remote().locate(file)
    assert Remote().listing(NAME).gated
    monkeypatch.setenv("HF_TOKEN", STRANGER)
    with pytest.raises(NetworkError, match=f"at {page} with your token's account") as caught:
        Remote().locate(file)
    assert STRANGER not in str(caught.value)
    monkeypatch.setenv("HF_TOKEN", MEMBER)
    assert Remote().locate(file).url


def test_a_file_that_is_gone_is_named(repo, remote, file):
    del repo.commits[file.commit][PATH]
    with pytest.raises(ModelError, match=f"{NAME} has no file {PATH}"):
        remote.locate(file)


def test_a_location_is_asked_for_once_and_the_caller_waits(hub, remote, file):
    hub.faults.add(faults.TooMany(55), "file", method="HEAD", times=None)
    with pytest.raises(Busy) as caught:
        remote.locate(file)
    assert caught.value.wait_s == 55
    assert len(hub.requests.of("file")) == 1


# Headers from afar


def test_a_header_is_read_without_the_rest(hub, remote, file, beginning, tmp_path):
    header = remote.header(file)
    assert (header.arch, header.block_count, header.context_trained) == ("qwen2", 28, 131_072)
    assert (header.head_count_kv, header.size) == (4, 9 * GIB)
    assert header.metadata["tokenizer.ggml.tokens"].count == 152_064
    assert hub.requests.sent() < len(beginning) + (5 << 20)
    here = tmp_path / PATH
    here.write_bytes(beginning)
    with here.open("r+b") as sparse:
        sparse.truncate(9 * GIB)
    local = read_header(here)
    assert header.tensors == local.tensors
    assert header.kv_bytes_per_token == local.kv_bytes_per_token
    with pytest.raises(ModelError, match="not on this machine"):
        list(header.metadata["tokenizer.ggml.tokens"].strings())


@pytest.mark.parametrize(
    "fault",
    [
        faults.IgnoreRange(),
        faults.WrongRange(),
        faults.Cut("reset"),
        faults.Cut("close"),
        faults.Drop(),
        faults.Status(503),
        faults.Expired(),
        faults.Unsatisfiable(),
        faults.Short(),
    ],
)
@pytest.mark.parametrize("skip", [0, 1])
def test_a_header_is_read_whatever_happens_once(hub, remote, file, fault, skip):
    hub.faults.add(fault, "cdn", skip=skip)
    assert remote.header(file).block_count == 28
    assert any(request.faults for request in hub.requests)


def test_links_that_expire_are_asked_for_again(hub, remote, file):
    hub.signed_for = -1.0
    with pytest.raises(NetworkError):
        remote.header(file)
    hub.signed_for = 3600.0
    assert remote.header(file).block_count == 28


def test_a_file_that_is_no_model_is_refused(hub, remote):
    hub.add(Repo("owner/bad", [File("bad-Q4_0.gguf", b"<html>no</html>" * 100)]))
    (file,) = remote.listing("owner/bad").files
    with pytest.raises(ModelError, match=r"owner/bad/bad-Q4_0\.gguf is a web page"):
        remote.header(file)


def test_a_file_that_is_shorter_than_its_header_says_is_refused(hub, remote, beginning):
    content = Generated(1 * GIB, begin=beginning, sha256="ab" * 32)
    hub.add(Repo("owner/cut", [File("cut-Q4_0.gguf", content)]))
    (file,) = remote.listing("owner/cut").files
    with pytest.raises(ModelError, match="is truncated"):
        remote.header(file)


def test_a_header_of_gigabytes_is_not_fetched(hub, remote):
    # One key, whose array of bytes is said to be 4 GiB long.
    begin = b"GGUF" + (3).to_bytes(4, "little") + (0).to_bytes(8, "little")
    begin += (2).to_bytes(8, "little") + (1).to_bytes(8, "little") + b"a"
    begin += (9).to_bytes(4, "little") + (0).to_bytes(4, "little") + (4 * GIB).to_bytes(8, "little")
    hub.add(Repo("owner/long", [File("x.gguf", Generated(9 * GIB, begin=begin, sha256="ab" * 32))]))
    (file,) = remote.listing("owner/long").files
    with pytest.raises(ModelError, match=r"header of more than 67\.1 MB"):
        remote.header(file)
    assert hub.requests.sent() < 2 << 20


# Who is asked, and as whom


def test_the_hub_is_the_one_named_when_the_remote_is_made(hub, repo, monkeypatch):
    remote = Remote()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_TOKEN", MEMBER)
    assert remote.listing(NAME).files
    assert not hub.requests[-1].authorized
    monkeypatch.setenv("HF_ENDPOINT", hub.url + "/")
    assert Remote().endpoint == hub.url


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_nothing_is_asked(hub, repo, file, monkeypatch, name):
    asked = len(hub.requests)
    monkeypatch.setenv(name, "1")
    remote = Remote()
    for ask in (
        lambda: remote.listing(NAME),
        lambda: remote.search("x"),
        lambda: remote.locate(file),
        lambda: remote.header(file),
    ):
        with pytest.raises(NetworkError, match="HF_HUB_OFFLINE is set: unset it"):
            ask()
    assert len(hub.requests) == asked


@pytest.mark.parametrize("where", ["HF_HOME", "HF_TOKEN_PATH", "XDG_CACHE_HOME"])
def test_the_token_of_a_login_is_used(hub, repo, tmp_path, monkeypatch, where):
    monkeypatch.delenv("HF_HOME")
    token = {"HF_HOME": "token", "HF_TOKEN_PATH": "", "XDG_CACHE_HOME": "huggingface/token"}[where]
    folder = tmp_path / "a place"
    path = folder / token if token else folder
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{MEMBER}\n")
    monkeypatch.setenv(where, str(folder))
    Remote().listing(NAME)
    assert hub.requests[-1].user == "member"
    monkeypatch.setenv("HF_TOKEN", STRANGER)
    Remote().listing(NAME)
    assert hub.requests[-1].user == "stranger"
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
    Remote().listing(NAME)
    assert not hub.requests[-1].authorized


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "t\x1bken", "tökén", "x" * 5000])
def test_what_can_be_no_token_is_refused_and_not_shown(repo, monkeypatch, token):
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(NetworkError, match="HF_TOKEN holds no token") as caught:
        Remote()
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        *("huggingface.co", "ftp://x", "http://", "https://[", "http://x:y", "http://a b"),
        *("http://x/?q", "http://me:secret@x", "http://x\x1b[2J"),
    ],
)
def test_what_can_be_no_endpoint_is_refused(monkeypatch, endpoint):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(NetworkError, match="HF_ENDPOINT is no address") as caught:
        Remote()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "warned"),
    [
        ("http://hub.example", True),
        ("http://192.168.1.2:8080", True),
        ("http://127.evil.example", True),
        ("https://hub.example", False),
        ("http://localhost:8080", False),
        ("http://127.0.0.1:1", False),
        ("http://[::1]:1", False),
    ],
)
def test_a_token_on_its_way_in_the_open_is_warned_of(monkeypatch, endpoint, warned):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    assert Remote().notice == ""
    monkeypatch.setenv("HF_TOKEN", MEMBER)
    notice = Remote().notice
    assert bool(notice) is warned
    assert MEMBER not in notice


def test_nothing_secret_is_printed_or_logged(hub, file, monkeypatch, caplog, capfd):
    monkeypatch.setenv("HF_TOKEN", MEMBER)
    caplog.set_level(logging.DEBUG)
    remote = Remote(wait=lambda _: None)
    hub.faults.add(faults.Cut("reset"), "cdn").add(faults.Expired(), "cdn", skip=2)
    remote.header(file)
    logged = "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
    assert MEMBER not in logged
    assert "Signature" not in logged
    assert capfd.readouterr() == ("", "")


def test_nothing_but_what_was_asked_for_is_sent(hub, remote, file):
    hub.requests.clear()
    remote.search("x")
    remote.listing(NAME)
    remote.locate(file)
    assert [request.route for request in hub.requests] == ["search", "info", "file"]


def test_the_hubs_own_library_says_the_same(hub, remote):
    import huggingface_hub

    api = huggingface_hub.HfApi(endpoint=hub.url, token=False)
    try:
        theirs = api.model_info(NAME, files_metadata=True)
        ours = remote.listing(NAME)
        assert (ours.commit, ours.licence) == (theirs.sha, theirs.card_data.license)
        assert len(ours.files) == len(theirs.siblings) == 2
        for file, sibling in zip(ours.files, theirs.siblings, strict=True):
            assert (file.path, file.size) == (sibling.rfilename, sibling.size)
            assert file.sha256 == (sibling.lfs.sha256 if sibling.lfs else None)
            url = huggingface_hub.hf_hub_url(
                NAME, file.path, revision=ours.commit, endpoint=hub.url
            )
            metadata = huggingface_hub.get_hf_file_metadata(url, token=False)
            assert (metadata.etag, metadata.size) == (file.etag, file.size)
            there, here = metadata.location, remote.locate(file).url
            assert there.partition("?")[0] == here.partition("?")[0]
    finally:
        huggingface_hub.close_session()
