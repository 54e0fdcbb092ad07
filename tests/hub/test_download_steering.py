"""Downloads that are stopped, paused and taken up again, wherever they are."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from r1chat.errors import DownloadCancelled
from r1chat.hub.download import Progress
from tests.hub.pulling import Pull, pull, serve, until
from tests.hub.server import Content, Hub, faults

SIZE = 3_000_000


@pytest.fixture
def large(hub: Hub) -> Content:
    return serve(hub, SIZE)


def sha256(path: Path | None) -> str:
    assert path is not None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def done(running: Pull) -> int:
    return running.seen[-1].done if running.seen else 0


def spoil(hub: Hub, state: str, wait: int = 60) -> None:
    """Lets a download get into a state and stay there."""
    fault = {
        "downloading": faults.Slow(1e6),
        "stalled": faults.Stall(at=500_000),
        "waiting": faults.TooMany(wait=wait),
    }.get(state, faults.SlowHeaders(30))
    if state == "locating":
        hub.faults.add(fault, "file", method="HEAD")
    else:
        hub.faults.add(fault)


@pytest.mark.parametrize("state", ["downloading", "stalled", "answerless", "waiting", "locating"])
def test_a_cancel_takes_hold_wherever_it_is(hub: Hub, large: Content, state: str) -> None:
    spoil(hub, state)
    with Pull() as running:
        if state in {"downloading", "stalled"}:
            running.until(lambda: done(running) > 100_000)
        elif state == "waiting":
            running.reaches("waiting")
        else:
            until(lambda: hub.requests.of("file" if state == "locating" else "cdn"))
        running.control.cancel()
        # Before what it waits for: half a minute or more. How soon, scripts/bench_download says.
        running.join()
    assert isinstance(running.error, DownloadCancelled)
    hub.faults.clear()
    assert sha256(pull()) == large.sha256


@pytest.mark.parametrize("state", ["downloading", "stalled", "answerless", "waiting", "locating"])
def test_a_pause_lets_go_and_goes_on_later(hub: Hub, large: Content, state: str) -> None:
    # A server's wait is kept, pause or no pause.
    spoil(hub, state, wait=2)
    with Pull() as running:
        if state in {"downloading", "stalled"}:
            running.until(lambda: done(running) > 300_000)
        elif state == "waiting":
            running.reaches("waiting")
        else:
            until(lambda: hub.requests.of("file" if state == "locating" else "cdn"))
        running.control.pause()
        paused = running.reaches("paused")
        hub.requests.clear()
        time.sleep(0.3)
        assert not hub.requests
        hub.faults.clear()
        running.control.resume()
        running.until(lambda: running.path is not None)
    assert sha256(running.path) == large.sha256
    assert hub.requests.of("cdn", "GET")[0].first >= paused.done


def test_another_process_may_take_over_while_one_is_paused(hub: Hub, large: Content) -> None:
    hub.faults.add(faults.Slow(1e6))
    with Pull() as running:
        running.until(lambda: done(running) > 300_000)
        running.control.pause()
        running.reaches("paused")
        assert sha256(pull()) == large.sha256
        hub.requests.clear()
        running.control.resume()
        running.until(lambda: running.path is not None)
    assert hub.requests.of("cdn") == []


def test_a_paused_download_can_be_cancelled(hub: Hub, large: Content) -> None:
    hub.faults.add(faults.Slow(1e6))
    with Pull() as running:
        running.control.pause()
        running.reaches("paused")
        running.control.cancel()
        running.join()
    assert isinstance(running.error, DownloadCancelled)


def test_a_pause_while_the_hub_is_asked_again_is_a_pause_like_any_other(
    hub: Hub, large: Content
) -> None:
    hub.faults.add(faults.Etag(), "file", method="HEAD")
    hub.faults.add(faults.SlowHeaders(30), "info", skip=1)
    with Pull() as running:
        until(lambda: len(hub.requests.of("info")) == 2)
        running.control.pause()
        running.reaches("paused")
        running.control.resume()
        running.until(lambda: running.path is not None)
    assert sha256(running.path) == large.sha256


def test_a_wait_counts_down(hub: Hub, large: Content) -> None:
    hub.faults.add(faults.TooMany(wait=30))
    with Pull() as running:
        first = running.reaches("waiting")
        assert first.wait_s is not None
        assert 0 < first.wait_s < 31
        assert "429" in first.note
        running.until(lambda: running.seen[-1].wait_s < first.wait_s - 0.5)
    assert len(hub.requests.of("cdn")) == 1


def test_the_rate_and_the_time_left_are_told(hub: Hub, large: Content) -> None:
    hub.faults.add(faults.Slow(1e6))
    with Pull() as running:
        running.until(lambda: done(running) > 1_500_000)
        progress = running.seen[-1]
    assert progress.rate is not None
    assert progress.rate > 0
    assert progress.left_s == pytest.approx((SIZE - progress.done) / progress.rate)


def test_a_listener_that_fails_ends_the_download_and_nothing_else(hub: Hub, large: Content) -> None:
    def fail(_progress: Progress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        pull(on_progress=fail)
    assert sha256(pull()) == large.sha256
