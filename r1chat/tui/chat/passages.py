"""Thoughts that are read and gone back to: the reader, and what is done from a paragraph."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from r1chat.reasoning.phrases import WAIT
from r1chat.reasoning.sums import corrected
from r1chat.tui.chat import steering
from r1chat.tui.chat.replies import Replies
from r1chat.tui.chat.reply_runner import STOP_FIRST
from r1chat.tui.host import Host
from r1chat.tui.widgets.conversation import ConversationView

if TYPE_CHECKING:
    from r1chat.events import Reply
    from r1chat.tui.widgets.thinking import ThinkingPane
    from r1chat.tui.widgets.thought import ThoughtView
    from r1chat.tui.widgets.turn import TurnView

_FROM_HERE = (
    ("answer", "Answer from here", "the rest of the thought is dropped"),
    ("rethink", "Think again from here", "it continues with “Wait,”"),
    ("fork", "Samples from here", "several go on; the majority’s answer counts"),
)


class Passages:
    """Opens the reader, and branches a reply off at a paragraph of its thought.

    Args:
        host: The app.
        turns: The conversation on the screen.
        replies: Continues a reply.
        running: Whether something is under way that has to end first.
        unable: Says why the model cannot do what a key is for, where it cannot.
        leave_begun: Leaves what was begun with the replies that are about to go.
    """

    def __init__(
        self,
        host: Host,
        turns: ConversationView,
        replies: Replies,
        *,
        running: Callable[[], bool],
        unable: Callable[[str], bool],
        leave_begun: Callable[[], None],
    ) -> None:
        self._host = host
        self._turns = turns
        self._replies = replies
        self._running = running
        self._unable = unable
        self._leave_begun = leave_begun

    async def read(self, *, outlined: bool = False) -> None:
        """Opens the thought that keys mean in the reader.

        Args:
            outlined: Whether with its outline.
        """
        turn = await self._turns.meant()
        if turn is None or not turn.thinking.display:
            self._host.notify("There is no thought to read yet.", timeout=2)
            return
        from r1chat.tui.screens.reader import Reader
        from r1chat.tui.widgets.outlined import Asked

        pane = turn.thinking

        def asked() -> Asked:
            done = turn.node.turn if turn.node is not None else None
            return Asked(turn.question, None if done is None else done.reply.final)

        reader = Reader(
            pane.view.written, lambda: pane.said, asked, outlined=outlined, shaded=pane.shaded
        )
        self._host.push_screen(reader, partial(self._read, pane))

    def _read(self, pane: ThinkingPane, chosen: ThoughtView.ParagraphChosen | None) -> None:
        if chosen is not None:
            self.choose(pane.view, chosen)

    def choose(self, thought: ThoughtView, chosen: ThoughtView.ParagraphChosen) -> None:
        """Asks what is to be done from a paragraph of a thought, unless the key said so.

        Args:
            thought: The thought on the screen.
            chosen: The paragraph.
        """
        from r1chat.tui.screens.pick import Choice, Pick

        end, wrong = chosen.end, chosen.wrong
        view = next((turn for turn in self._turns.turns if turn.thinking.view is thought), None)
        if self._running():
            self._host.notify(STOP_FIRST, timeout=3)
        elif not self._replies.ready:
            self._host.notify("There is no model yet to continue it.", timeout=3)
        elif view is None or self._replies.own_reply(view.node) is None:
            text = "Another model wrote this: it cannot be continued from here."
            self._host.notify(text, timeout=3)
        elif self._unable("go_on"):
            pass
        elif wrong is not None:
            words = f"\n{corrected(wrong.left, wrong.claim, wrong.right)}"
            self._host.run_worker(self._go_back(view, end, words))
        elif chosen.forks:
            self._host.run_worker(self._fork(view, end))
        else:
            pick = Pick("From this paragraph", [Choice(*choice) for choice in _FROM_HERE])
            self._host.push_screen(pick, partial(self._picked, view, end))

    async def _picked(self, view: TurnView, end: int, choice: str | None) -> None:
        if choice == "fork":
            await self._fork(view, end)
        elif choice is not None:
            await self._go_back(view, end, "" if choice == "answer" else WAIT)

    async def _fork(self, view: TurnView, end: int) -> None:
        """Draws several continuations from a place of a thought.

        Args:
            view: The turn.
            end: The place.
        """
        async with self._turns.lock:
            reply = self._own_reply(view)
            samples = self._replies.forks() if reply is not None else 0
            if reply is not None and samples:
                self._leave_begun()
                await self._replies.branch(view, steering.forks(reply, end), samples=samples)

    async def _go_back(self, view: TurnView, end: int, words: str) -> None:
        """Branches off at a place of a thought.

        Args:
            view: The turn.
            end: The place.
            words: What the thought goes on with; none closes it.
        """
        async with self._turns.lock:
            reply = self._own_reply(view)
            if reply is not None:
                self._leave_begun()
                resume = steering.continuation(reply, keep=end, words=words, close=not words)
                await self._replies.branch(view, resume)

    def _own_reply(self, view: TurnView) -> Reply | None:
        """The reply of a turn, if it can be continued now; things change while one chooses."""
        able = self._replies.ready and not self._running() and view in self._turns.turns
        return self._replies.own_reply(view.node) if able else None
