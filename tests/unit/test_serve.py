"""`r1chat serve`: its options, what it refuses, and how it starts an app."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from textual_serve.download_manager import DownloadManager

from r1chat import cli, web
from r1chat.commands import serve as verb
from r1chat.errors import R1ChatError
from r1chat.web import apps, child, guard
from r1chat.web import server as server_module
from r1chat.web.server import Page, serve

ROOT = Path(__file__).parent.parent.parent
HERE = frozenset({"localhost", "127.0.0.1"})
HANGS_S = 60.0
EVERYWHERE = ".".join("0000")
QUIET = [
    sys.executable,
    "-c",
    "import os\nwhile (said := os.read(0, 65536)) and b'quit' not in said: pass",
]
"""An app that says nothing and ends when it is asked to."""


@pytest.fixture
def run(capsys):
    """Runs the command line: exit code, stdout, stderr."""

    def call(*argv):
        code = cli.main(argv)
        return (code, *capsys.readouterr())

    return call


@pytest.fixture
def served(monkeypatch):
    """Keeps what would have been served, and serves nothing."""
    calls = []

    async def instead(page, host, port, *, listening):
        calls.append((page, host, port))
        listening(port or 1234)
        return 130

    monkeypatch.setattr(server_module, "serve", instead)
    return calls


# -- the command line --


def test_the_page_is_open_to_this_machine_alone_unless_told_otherwise(run, served):
    code, out, err = run("serve")
    assert (code, out) == (130, "http://127.0.0.1:8000/\n")
    assert "note" not in err
    assert [call[1:] for call in served] == [("127.0.0.1", 8000)]


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.168.0.7", "example.org"])
def test_another_host_is_warned_of_in_one_line(run, served, host):
    _, _, err = run("serve", "--host", host)
    warnings = [line for line in err.splitlines() if "note:" in line]
    assert len(warnings) == 1
    assert "read your files" in warnings[0]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.5", "::1"])
def test_this_machine_is_not_warned_of(run, served, host):
    assert "note:" not in run("serve", "--host", host)[2]


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("localhost", "http://localhost:80/"),
        ("::1", "http://[::1]:80/"),
        ("::", "http://[::1]:80/"),
        (EVERYWHERE, "http://127.0.0.1:80/"),
    ],
)
def test_the_address_can_be_opened_in_a_browser(host, address):
    assert verb.address(host, 80) == address


@pytest.mark.parametrize(
    "options",
    [["--port", "65536"], ["--port", "-1"], ["--port", "x"], ["--host", ""], ["--host", "a b"]],
)
def test_options_that_make_no_sense_are_refused(run, served, options):
    code, out, err = run("serve", *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert served == []


def test_a_model_that_does_not_exist_is_refused_before_anything_is_served(run, served):
    code, out, err = run("serve", "-m", "missing.gguf")
    assert (code, out, err) == (3, "", "r1chat: no such model file: missing.gguf\n")
    assert served == []


def test_the_app_s_model_belongs_after_a_verb(run, served):
    code, _, err = run("-m", "tiny", "serve")
    assert (code, err.count("\n")) == (2, 1)
    assert "r1chat serve -m REF" in err


@pytest.mark.parametrize("option", ["--gpu-layers", "--tensor-split"])
def test_what_the_app_puts_on_gpus_belongs_after_a_verb(run, served, option):
    code, _, err = run(option, "1", "serve")
    assert (code, err) == (
        2,
        f"r1chat: {option} belongs after the subcommand: r1chat serve {option} …\n",
    )
    assert served == []


def test_what_goes_onto_gpus_is_handed_on_to_the_apps(run, served):
    run("serve", "-m", "tiny", "--gpu-layers", "all", "--tensor-split", "3, 1")
    ((page, _, _),) = served
    options = page._arguments[-3:]
    assert options == ["--model=tiny", "--gpu-layers=all", "--tensor-split=3,1"]
    given = cli.parser().parse_args(options)
    assert (given.app_gpu_layers, given.app_tensor_split) == ("all", "3,1")
    assert child.command(None) == child.command("x")[:-1]


def test_a_port_in_use_is_one_line(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, err = run("serve", "--port", str(port))
    assert (code, out) == (1, "")
    assert err.startswith(f"r1chat: port {port} is in use; take another: --port ")
    assert err.count("\n") == 1


def test_an_address_of_another_machine_is_one_line(run):
    code, out, err = run("serve", "--host", "192.0.2.1", "--port", "0")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("r1chat: cannot listen on 192.0.2.1, port 0: ")
    assert "Traceback" not in err


def test_without_the_extra_the_command_that_installs_it_is_said(run, monkeypatch):
    for name in ("r1chat.web.server", "r1chat.web.child"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "textual_serve.app_service", None)
    code, out, err = run("serve")
    assert (code, out, err.count("\n")) == (1, "", 1)
    command = shlex.split(err.partition("install it: ")[2])
    assert "install" in command
    assert command[-1] == web.REQUIREMENT


def test_the_extra_asks_for_what_the_message_does():
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'serve = ["{web.REQUIREMENT}"]' in project


def test_what_an_app_says_at_its_end_goes_to_stderr_and_cleaned(run, monkeypatch):
    async def instead(page, host, port, *, listening):
        sys.stdout.write("it broke\x1b[2J\n")
        return 0

    monkeypatch.setattr(server_module, "serve", instead)
    assert run("serve") == (0, "", "it broke\n")


# -- who may talk to the page --


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("localhost:8000", "http://localhost:8000"),
        ("LOCALHOST:8000", "http://localhost:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("localhost:9999", "http://localhost:9999"),  # a port forwarded by ssh
        ("127.0.0.1", "http://127.0.0.1"),
    ],
)
def test_our_own_page_is_welcome(host, origin):
    assert guard.refusal(host, origin, names=HERE, needs_origin=True) is None


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8000", "https://evil.example"),
        ("127.0.0.1:8000", "http://127.0.0.1:3000"),  # another server on this machine
        ("127.0.0.1:8000", "http://localhost:8000"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000.evil.example"),
        ("127.0.0.1:8000", "null"),  # a frame in a sandbox, or a file
        ("127.0.0.1:8000", ""),
        ("127.0.0.1:8000", "http://[::1"),
        ("127.0.0.1:8000", "chrome-extension://127.0.0.1:8000"),
        ("127.0.0.1:8000", None),
        ("evil.example:8000", "http://evil.example:8000"),  # DNS rebinding
        ("localhost.evil.example", "http://localhost.evil.example"),
        ("user@127.0.0.1", "http://user@127.0.0.1"),
        ('127.0.0.1" onload="', 'http://127.0.0.1" onload="'),
        ("", "http://"),
        (None, None),
    ],
)
def test_other_pages_are_refused(host, origin):
    assert guard.refusal(host, origin, names=HERE, needs_origin=True)


def test_a_page_may_be_fetched_without_an_origin():
    assert guard.refusal("localhost", None, names=HERE, needs_origin=False) is None
    assert guard.refusal("evil.example", None, names=HERE, needs_origin=False)


def test_the_machine_s_own_name_counts_only_where_other_machines_may_come(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "Desk")
    assert guard.own_names(EVERYWHERE) >= {"desk", "desk.local", "localhost"}
    assert guard.own_names("127.0.0.1") == HERE


# -- the server --


def over_http(use, **options):
    """Serves a page whose apps say nothing, and uses it: `await use(session, address)`."""

    async def both():
        page = Page(QUIET, guard.own_names("127.0.0.1"), **options)
        port = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve(page, "127.0.0.1", 0, listening=port.set_result))
        address = f"127.0.0.1:{await port}"
        try:
            async with aiohttp.ClientSession() as session:
                return await use(session, address)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    return asyncio.run(both())


def test_the_page_asks_no_other_host_for_anything():
    async def use(session, address):
        async with session.get(f"http://{address}/") as answer:
            return address, await answer.text(), answer.headers["Content-Security-Policy"]

    address, text, policy = over_http(use)
    assert set(re.findall(r"\w+://[^/\"]+", text)) == {f"ws://{address}"}
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]


def test_everything_that_the_page_names_is_there():
    async def use(session, address):
        async with session.get(f"http://{address}/") as answer:
            named = re.findall(
                r'(?:src|href)="(?!data:)([^"]+)"|url\("([^"]+)"\)', await answer.text()
            )
        found = {}
        for path in {one or other for one, other in named}:
            async with session.get(f"http://{address}/{path.lstrip('/')}") as answer:
                found[path] = answer.status
        return found

    found = over_http(use)
    assert len(found) >= 5
    assert set(found.values()) == {200}


@pytest.mark.parametrize(
    "path", ["/", "/static/js/textual.js", "/ws", "/ws/abc", "/c/abc", "/download/1", "/none"]
)
def test_a_name_that_is_not_ours_is_refused_everywhere(path):
    async def use(session, address):
        headers = {"Host": "evil.example"}
        async with session.get(f"http://{address}{path}", headers=headers) as answer:
            return answer.status

    assert over_http(use) == 403


@pytest.mark.parametrize("path", ["/ws", "/ws/abc"])
@pytest.mark.parametrize("origin", [None, "https://evil.example", "http://localhost:3000"])
def test_another_site_s_websocket_starts_no_app(origin, path, monkeypatch):
    async def never(*_, **__):
        pytest.fail("an app was started")

    monkeypatch.setattr(child.Child, "start", never)

    async def use(session, address):
        headers = {} if origin is None else {"Origin": origin}
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"ws://{address}{path}", headers=headers)
        return refused.value.status

    assert over_http(use) == 403


def test_a_page_is_told_when_its_app_ends(monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "QUIET", [sys.executable, "-c", ""])

    async def use(session, address):
        headers = {"Origin": f"http://{address}"}
        async with session.ws_connect(f"ws://{address}/ws", headers=headers) as page:
            return (await page.receive()).type

    assert over_http(use) == aiohttp.WSMsgType.CLOSE


def opened(session, address, query=""):
    headers = {"Origin": f"http://{address}"}
    return session.ws_connect(f"ws://{address}/ws{query}", headers=headers)


# -- an app and its pages --

AT_WORK = """
import json, os, sys
def say(kind, text):
    os.write(1, kind + len(text.encode()).to_bytes(4, "big") + text.encode())
os.write(1, b"__GANGLION__\\n")
say(b"D", f"pid {os.getpid()} opens {sys.argv[1:]}")
state = {"type": "state", "conversation": "abc", "busy": BUSY}
say(b"M", json.dumps(state))
while (data := os.read(0, 65536)) and b"quit" not in data:
    if b"redraw" in data: say(b"D", f"again {os.getpid()}")
    if b"done" in data: say(b"M", json.dumps(state | {"busy": False}))
"""
"""An app that has a conversation open, and is at work until it is told that it is done."""


@pytest.fixture
def at_work(monkeypatch):
    """Has the server start such apps; returns what makes them idle ones from the start."""

    def put(*, busy):
        code = AT_WORK.replace("BUSY", str(busy))
        monkeypatch.setattr(sys.modules[__name__], "QUIET", [sys.executable, "-c", code])

    put(busy=True)
    return put


async def said(page, beginning):
    """What the app says next that begins so."""
    async for message in page:
        data = message.data.decode() if isinstance(message.data, bytes) else message.data
        if data.startswith(beginning):
            return data
    message = f"the page was closed with {page.close_code}, and {beginning!r} never came"
    raise AssertionError(message)


NAMED = '["conversation", "abc"]'


def test_a_page_that_is_opened_again_finds_its_app(at_work):
    async def use(session, address):
        async with opened(session, address) as page:
            began = await said(page, "pid")
            assert await said(page, NAMED)
        async with session.get(f"http://{address}/c/abc") as answer:
            assert f"ws://{address}/ws/abc" in await answer.text()
        async with opened(session, address, "/abc?width=50&height=40") as page:
            # The page may have missed its address.
            assert await said(page, NAMED)
            return began, await said(page, "again")

    began, again = over_http(use)
    assert began.split()[1] == again.split()[1]


def test_a_second_page_takes_the_app_over_and_the_first_is_told(at_work):
    async def use(session, address):
        async with opened(session, address) as first:
            await said(first, NAMED)
            async with opened(session, address, "/abc") as second:
                await said(second, "again")
                assert await said(first, '["elsewhere"')
                async for _ in first:
                    pass
                await second.send_json(["ping", "x"])
                return await said(second, '["pong"')

    assert over_http(use)


def test_an_app_at_work_lives_on_for_the_time_that_is_set(at_work):
    async def use(session, address):
        async with opened(session, address) as page:
            began = await said(page, "pid")
            await said(page, NAMED)
        # Whoever comes later gets a new one, which opens the conversation from the history.
        later = began
        while later.split()[1] == began.split()[1]:
            async with opened(session, address, "/abc") as page:
                later = await said(page, ("pid", "again"))
            await asyncio.sleep(0.3)
        return began, later

    began, later = over_http(use, keep=0.1)
    assert "opens []" in began
    assert "--conversation=abc" in later


def test_an_app_that_is_done_without_a_page_ends_and_makes_room(at_work, monkeypatch):
    monkeypatch.setattr(apps, "_ROOM_S", 0.1)

    async def use(session, address):
        async with opened(session, address) as page:
            began = await said(page, NAMED)
            assert began
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await opened(session, address)
        # Its own page still finds it, though there is no room for another.
        async with opened(session, address, "/abc") as page:
            await said(page, "again")
            await page.send_json(["stdin", "done"])
            await said(page, NAMED)
        async with opened(session, address) as page:
            return await said(page, "pid")

    assert "opens []" in over_http(use, most=1)


@pytest.mark.parametrize("path", ["/c/ABC", "/c/--help", "/c/a%2Fb", "/ws/a.b", f"/c/{'a' * 65}"])
def test_an_address_that_is_no_conversation_s_is_not_there(path):
    async def use(session, address):
        headers = {"Origin": f"http://{address}"}
        async with session.get(f"http://{address}{path}", headers=headers) as answer:
            return answer.status

    assert over_http(use) == 404


def test_the_page_of_a_conversation_that_is_gone_begins_a_new_one(monkeypatch):
    arguments = cli.parser().parse_args(["--conversation", "abc"])
    with pytest.raises(R1ChatError, match="no conversation has an id"):
        cli._to_open(arguments)
    monkeypatch.setenv(web.DRIVER_VARIABLE, web.DRIVER)
    assert cli._to_open(arguments) is None


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_apps_run_than_may_and_the_next_page_says_why(most, monkeypatch):
    monkeypatch.setattr(apps, "_ROOM_S", 0.2)
    running = []
    real = child.Child._open_app_process

    async def counted(self, *size):
        process = await real(self, *size)
        running.append(process)
        return process

    monkeypatch.setattr(child.Child, "_open_app_process", counted)

    async def use(session, address):
        # Many at once, so that they meet in the doorway.
        found = await asyncio.gather(
            *(opened(session, address) for _ in range(24)), return_exceptions=True
        )
        sockets = [each for each in found if not isinstance(each, Exception)]
        refused = {each.status for each in found if isinstance(each, Exception)}
        async with session.get(f"http://{address}/") as answer:
            page = answer.status, await answer.text()
        alive = sum(each.returncode is None for each in running)
        await sockets.pop().close()
        while len(sockets) < most:
            with contextlib.suppress(aiohttp.WSServerHandshakeError):
                sockets.append(await opened(session, address))
        async with session.get(f"http://{address}/static/js/textual.js") as answer:
            assert answer.status == 200
        for each in sockets:
            await each.close()
        return len(sockets), refused, page, alive

    count, refused, (status, text), alive = over_http(use, most=most)
    assert (count, refused, status, alive) == (most, {503}, 503, most)
    assert f"{most} app" in text
    assert "--max-apps" in text


def test_how_many_apps_may_run_and_for_how_long_are_options(run, served):
    run("serve")
    run("serve", "--max-apps", "2", "--keep", "0")
    assert [(page._most, page._apps._keep) for page, _, _ in served] == [(8, 600), (2, 0)]
    assert run("serve", "--max-apps", "0")[0] == 2
    assert run("serve", "--keep", "-1")[0] == 2


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ((80, 24), (80, 24)),
        ((100_000, 100_000), (640, 256)),
        ((0, -5), (1, 1)),
        ((80.7, 24.2), (80, 24)),
        ((10**400, 24), (640, 24)),
        ((float("inf"), 24), (640, 24)),
        ((float("nan"), 24), None),
        (("80", 24), None),
        ((None, [24]), None),
        ((True, 24), None),
    ],
)
def test_a_terminal_is_no_larger_than_any_screen(said, size):
    assert child.bounded(*said) == size


def test_a_page_cannot_make_its_terminal_larger_than_any_screen(monkeypatch):
    echo = (
        "import os, sys\n"
        "text = f\"{os.environ['COLUMNS']}x{os.environ['ROWS']} \".encode()\n"
        "def say(data): os.write(1, b'D' + len(data).to_bytes(4, 'big') + data)\n"
        "os.write(1, b'__GANGLION__\\n'); say(text)\n"
        "while (data := os.read(0, 65536)) and b'quit' not in data: say(data)\n"
    )
    monkeypatch.setattr(sys.modules[__name__], "QUIET", [sys.executable, "-c", echo])

    async def use(session, address):
        async with opened(session, address, "?width=99999999&height=99999999") as page:
            said = (await page.receive()).data
            for message in (
                ["resize", {"width": 100000, "height": 100000}],
                ["resize", {"width": "x", "height": None}],
                ["resize", {"width": 77, "height": 33}],
            ):
                await page.send_json(message)
            while b"77" not in said:
                said += (await page.receive()).data
            return said

    said = over_http(use)
    assert said.startswith(b"640x256 ")
    assert b"100000" not in said
    assert b'"width": 640, "height": 256' in said


@pytest.mark.parametrize("message", ["{", "7", "[]", '["resize"]', '["stdin", 7]', '["resize", 1]'])
def test_nonsense_from_a_page_ends_its_own_app_alone(message):
    async def use(session, address):
        async with opened(session, address) as page, opened(session, address) as other:
            await page.send_str(message)
            ended = (await page.receive()).type
            await other.send_json(["ping", "x"])
            return ended, (await other.receive()).json()

    assert over_http(use) == (aiohttp.WSMsgType.CLOSE, ["pong", "x"])


def test_connections_that_ask_for_nothing_are_closed(monkeypatch):
    monkeypatch.setattr(server_module, "_SILENT_S", 0.2)
    monkeypatch.setattr(server_module, "_MOST_SILENT", 4)

    async def use(session, address):
        host, port = address.split(":")
        idle = [await asyncio.open_connection(host, int(port)) for _ in range(100)]
        async with opened(session, address) as page:
            ended = await asyncio.gather(*(reader.read() for reader, _ in idle))
            for _, writer in idle:
                writer.close()
            await page.send_json(["ping", "x"])
            return ended, (await page.receive()).json()

    ended, answer = over_http(use)
    assert ended == [b""] * 100
    assert answer == ["pong", "x"]


# -- an app --


async def nothing(*_):
    return None


def start(arguments, *, write_bytes=nothing):
    started = child.Child(arguments, downloads=DownloadManager())
    started.remote_write_bytes = write_bytes
    return started


@pytest.mark.parametrize(
    "model",
    ["a model.gguf", "$(touch gone).gguf", "`id`; rm -rf x", "'\"\\", "-m", "--help", "\n", "模型"],
)
def test_a_model_reference_reaches_the_app_as_it_is(model, tmp_path):
    """Not through a shell, not as an option, and whatever lies in the working directory."""
    (tmp_path / "r1chat.py").write_text("raise SystemExit('hijacked')", "utf-8")
    (tmp_path / "textual.py").write_text("raise SystemExit('hijacked')", "utf-8")
    arguments = child.command(model)
    arguments[2] = arguments[2].replace(
        "sys.exit(main())", "print(__import__('r1chat.cli').cli.parser().parse_args().app_model)"
    )
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, check=False)
    assert done.stderr == b""
    assert done.stdout.decode() == f"{model}\n"


def test_no_shell_comes_between_server_and_app(monkeypatch):
    async def never(*_, **__):
        pytest.fail("a shell was started")

    monkeypatch.setattr(asyncio, "create_subprocess_shell", never)

    async def run():
        app = start(QUIET)
        await app.start(80, 24)
        await app.stop()

    asyncio.run(run())


def test_an_app_that_does_not_want_to_end_is_killed_with_what_it_started(monkeypatch):
    monkeypatch.setattr(child, "_QUIT_S", 0.01)
    monkeypatch.setattr(child, "_TERM_S", 0.01)
    stubborn = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); pid = os.fork()\n"
        "text = f'{os.getpid()} {pid}'.encode(); size = len(text).to_bytes(4, 'big')\n"
        "if pid: os.write(1, b'__GANGLION__\\nD' + size + text)\n"
        "while True: time.sleep(1)"
    )

    async def run():
        said = asyncio.get_running_loop().create_future()

        async def keep(data):
            said.set_result(data)

        app = start([sys.executable, "-c", stubborn], write_bytes=keep)
        await app.start(80, 24)
        pids = [int(pid) for pid in (await said).split()]
        await app.stop()
        return pids

    pids = asyncio.run(asyncio.wait_for(run(), HANGS_S))
    deadline = time.monotonic() + HANGS_S
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Where nobody collects orphans, a dead one stays in the list.
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text("utf-8").rpartition(")")[2].split()[0] == "Z")


@pytest.mark.parametrize(
    ("url", "passed"),
    [
        ("https://example.org", True),
        ("http://[", False),
        ("javascript:alert(1)", False),
        ("file:///etc/passwd", False),
        (7, False),
    ],
)
def test_a_link_leads_to_the_web_and_to_nothing_else(url, passed):
    assert child._is_web(url) is passed


@pytest.mark.parametrize(
    ("driver", "is_page"),
    [(web.DRIVER, True), ("textual.drivers.web_driver:WebDriver", True), ("x:LinuxDriver", False)],
)
def test_the_app_needs_no_terminal_where_its_screen_is_a_page(monkeypatch, driver, is_page):
    monkeypatch.setenv(web.DRIVER_VARIABLE, driver)
    assert web.is_child() is is_page
