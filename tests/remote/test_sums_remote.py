"""Wrong sums in the thought of a model on a server are doubted there, and counted."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from r1chat.events import InjectedText
from tests.remote.helpers import asked, events_of, opened
from tests.remote.test_formats_remote import Llama

SLIP = [" So", " 17", " *", " 6", " =", " 112", ".", "\n"]
DOUBT = "Wait, let me check that: 17 * 6 is not 112.\n\nCorrection: 17 * 6 = 102."


@dataclass
class Slips(Llama):
    """A llama-server whose model goes on as soon as it is told of its slip."""

    def _rest(self, prompt: str) -> list[str]:
        written = prompt.rpartition("assistant\n<think>\n")[2]
        if "</think>" in written:
            return [" 102"]
        end = ["\n", " It", " is", " 102", ".", "\n", "</think>", " 102"]
        return end if DOUBT in written else [*SLIP, *end]


@pytest.mark.parametrize("way", ["fix", "mark"])
def test_it_is_doubted_where_it_stands_and_counted(way: str) -> None:
    with Slips() as server:
        *events, reply = events_of(opened(server), asked(check_sums=way))
        said = [event.text.strip() for event in events if isinstance(event, InjectedText)]
        assert said == ([DOUBT] if way == "fix" else [])
        assert [each.text.strip() for each in reply.injected] == said
        assert reply.thought.count("112") == (2 if way == "fix" else 1)
        assert reply.answer.strip() == "102"
        if way == "fix":
            assert reply.receipt.sums.doubted == 1
            # The server has gone on behind those words.
            assert DOUBT in server.prompts()[-1]
