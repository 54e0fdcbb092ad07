"""Conversations that were had before: opened, gone on with, copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.binding import Binding, BindingType

from r1chat.errors import R1ChatError
from r1chat.sanitize import line
from r1chat.tui import keys
from r1chat.tui.screens.chat import STOP_FIRST
from r1chat.tui.screens.sampling import SamplingScreen
from r1chat.tui.threads import on_thread
from r1chat.wording import model_name

if TYPE_CHECKING:
    from r1chat.conversation import Conversation, Node
    from r1chat.engine.base import Engine
    from r1chat.store import Hit, Loaded, Store

_FLUSH_S = 5.0
"""How long one waits for what is being written."""
_REMEMBERED = 50
"""Earlier questions that the composer gives back."""
_GONE = "It is not there any more."
_WAITING = "A question is waiting for its model; F9 begins anew."
_NOTHING = "There is nothing in this conversation yet."
T = TypeVar("T")


class ResumingScreen(SamplingScreen):
    """Opens conversations."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("alt+l", "its_model", "Load its model", id="chat.its_model"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._its_model = ""
        """The model that the conversation was had with; empty where that does not matter."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offers the conversation's model as long as it is another one."""
        if action == "its_model":
            return not self.running and self._other_model
        return super().check_action(action, parameters)

    @property
    def tree_shown(self) -> Conversation | None:
        """The conversation on the screen, if there is one yet."""
        return self.session.conversation if self.session is not None else self.resumed

    @property
    def shown_id(self) -> str:
        """Its id; empty where there is none."""
        tree = self.tree_shown
        return tree.id if tree is not None else ""

    async def with_history(self, work: Callable[[Store], T]) -> T | None:
        """Does something with the history on a thread; what went wrong is told.

        Args:
            work: What to do. What was written before can be read by then, and what it writes
                can be when it is over.
        """
        history = self.app.history

        def run() -> T:
            store = history.store
            store.flush(_FLUSH_S)
            result = work(store)
            store.flush(_FLUSH_S)
            return result

        try:
            return await on_thread(run, "r1chat-history")
        except R1ChatError as error:
            self.notify(line(str(error), 300), severity="error", markup=False)
            return None

    # -- opening --

    async def open_conversation(self, name: str, hit: Hit | None = None) -> bool:
        """Reads a conversation and shows it in place of the one on the screen.

        Args:
            name: Its id.
            hit: A place in it to go to.

        Returns:
            Whether it is shown.
        """
        if not self._can_leave():
            return False
        loaded = await self.with_history(lambda store: (store.load(name),))
        # Something may have been asked meanwhile.
        if loaded is None or not self._can_leave():
            return False
        if loaded[0] is None:
            self.notify(_GONE, severity="warning")
            return False
        await self._show_loaded(loaded[0], hit)
        return True

    def _can_leave(self) -> bool:
        obstacle = STOP_FIRST if self.running else _WAITING if self._waiting is not None else ""
        if obstacle:
            self.notify(obstacle, timeout=3)
        return not obstacle

    async def _show_loaded(self, loaded: Loaded, hit: Hit | None) -> None:
        self.leave_begun()
        # At once: who sees the conversation may write already.
        self.set_focus(self.composer)
        tree, engine = loaded.conversation, self.app.engine
        place = self._place_of(tree, hit)
        self.system = loaded.system
        self.session, self.resumed = None, tree
        if engine is not None:
            self.begin_session(engine, tree)
        self._its_model = loaded.summary.model
        self._take_budget(loaded)
        self.app.titled = loaded.summary.title
        for node in list(tree.path())[-_REMEMBERED:]:
            if node.turn is not None and node.turn.question.strip():
                self.composer.remember(node.turn.question)
        await self.conversation.clear()
        await self.conversation.show_until(
            tree.last(), collapsed=self.app.preferences.thoughts_hidden, place=place
        )
        self._show_used(tree.last())
        self.show_hint()
        self.refresh_bindings()
        if place is not None and hit is not None:
            self.conversation.go_to(place, open_thought=hit.field == "thought")
        self._offer_its_model()

    def _place_of(self, tree: Conversation, hit: Hit | None) -> Node | None:
        """The turn that was found; the conversation goes through it from now on."""
        if hit is None:
            return None
        place = next((node for node in tree.nodes() if node.id == hit.node), None)
        if place is not None and place not in set(tree.path()):
            tree.choose(place)
            self.app.history.choose(place.id)
        return place

    def _take_budget(self, loaded: Loaded) -> None:
        from r1chat.reasoning.budget import Budget

        minimum = loaded.settings.get("min_think", 0)
        try:
            self.slider.value = Budget.parse(loaded.budget, minimum=int(minimum))
        except ValueError:
            # The two may not go together any more.
            self.slider.value = Budget.parse(loaded.budget)

    def _show_used(self, last: Node) -> None:
        cost = last.turn.reply.receipt if last.turn is not None else None
        self.topbar.used = 0
        self.leave_room(cost.prompt_tokens + cost.answer_tokens if cost is not None else 0)
        if cost is not None and last not in self._foreign:
            self.topbar.used = cost.prompt_tokens + cost.thought_tokens + cost.answer_tokens

    # -- its model --

    @property
    def _other_model(self) -> bool:
        engine = self.app.engine
        current = engine.info.ref if engine is not None else self.app.model_ref
        return bool(self._its_model) and self._its_model != current

    def _offer_its_model(self) -> None:
        if not self._other_model or not self._may_load_its_model():
            return
        key = keys.shown(self.app.shown_keys()["chat.its_model"])
        its, current = (model_name(ref, 40) for ref in (self._its_model, self.app.model_ref))
        self.notify(
            f"{its} wrote this; {current} answers now. {key} loads {its}.",
            markup=False,
            timeout=10,
        )

    def action_its_model(self) -> None:
        """Loads the model that the conversation was had with, unless it may name a stranger's."""
        if self._may_load_its_model():
            self.app.load_model(self._its_model)

    def _may_load_its_model(self) -> bool:
        """Says why not, where it may not."""
        from r1chat import compose

        try:
            compose.as_kept(self._its_model, (self.app.model_ref, self.app.settings.model))
        except R1ChatError as error:
            self.notify(line(str(error), 500), severity="warning", markup=False, timeout=10)
            return False
        return True

    def loaded(self, engine: Engine) -> None:
        """Goes on with another model."""
        super().loaded(engine)
        self.refresh_bindings()

    async def begin_anew(self) -> None:
        """Begins another conversation."""
        self._its_model = ""
        await super().begin_anew()

    # -- copies --

    def action_duplicate_from(self) -> None:
        """Asks up to which turn the conversation is to be copied, and goes on in the copy."""
        from r1chat.tui.screens.pick import Choice, Pick

        tree = self.tree_shown
        nodes = list(tree.path()) if tree is not None else []
        if self.running or not nodes:
            self.notify(STOP_FIRST if self.running else _NOTHING, timeout=3)
            return
        choices = [
            Choice(node.id, node.turn.question, f"turn {number}")
            for number, node in enumerate(nodes, 1)
            if node.turn is not None
        ]
        pick = Pick("Copy the conversation up to", choices, current=nodes[-1].id)
        self.app.push_screen(pick, self._duplicate_to)

    def _duplicate_to(self, node: str | None) -> None:
        if node is not None:
            self.run_worker(self.duplicate(self.shown_id, node), group="duplicate")

    async def duplicate(self, name: str, node: str | None = None) -> None:
        """Copies a conversation and opens the copy.

        Args:
            name: Its id.
            node: The id of the node with which the copy ends; None copies the whole tree.
        """
        copy = await self.with_history(lambda store: store.duplicate(name, node))
        if copy is not None and await self.open_conversation(copy):
            self.notify("This is the copy.", timeout=3)
