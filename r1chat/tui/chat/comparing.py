"""The last turn answered by another model, or with other settings: beside its reply, or in place.

Both are versions of the turn. The conversation keeps its model and settings whatever answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from r1chat.errors import R1ChatError
from r1chat.sanitize import line
from r1chat.tui.chat.conversation_state import OpenConversation
from r1chat.tui.chat.replies import Replies
from r1chat.tui.chat.reply_runner import Finished, Job, ReplyRunner
from r1chat.tui.chat.think_first import ThinkFirst
from r1chat.tui.host import Host
from r1chat.tui.services.guest_model import GuestModel
from r1chat.tui.widgets.conversation import ConversationView
from r1chat.tui.widgets.slider import BudgetSlider
from r1chat.wording import model_name

if TYPE_CHECKING:
    # What a comparison needs is imported with the first one: the first frame has none.
    from r1chat.conversation import Node
    from r1chat.engine.base import Engine
    from r1chat.events import Event
    from r1chat.reasoning.budget import Budget, Think
    from r1chat.reasoning.control import Control
    from r1chat.settings import Settings
    from r1chat.tui.screens.pick import Choice
    from r1chat.tui.widgets.compared import ComparedTurn
    from r1chat.tui.widgets.turn import TurnView
    from r1chat.variation import Variation

_TYPE, _ALONE, _VERSION = "=type", "=alone", "=version "
"""Entries of the list that are no variation: none begins so."""
_FORM = "A model, or NAME=VALUE: e.g. r1:7b · budget=off · preset=code · temperature=0.2,top_k=1"
_BUDGETS = ("off", "512", "max")


class Comparing:
    """Owns what a version is asked with in place of the usual.

    Args:
        host: The app.
        guest: Has another model answer.
        turns: The turns on the screen.
        state: The conversation.
        runner: Runs replies.
        replies: Knows the last reply.
        slider: Has the budget.
        think: Has the choice which models think.
        leave_begun: Leaves what was begun with the reply that is on the screen.
    """

    def __init__(  # noqa: PLR0913  (the parts that a reply comes from)
        self,
        host: Host,
        guest: GuestModel,
        *,
        turns: ConversationView,
        state: OpenConversation,
        runner: ReplyRunner,
        replies: Replies,
        slider: BudgetSlider,
        think: ThinkFirst,
        leave_begun: Callable[[], None],
    ) -> None:
        self._host = host
        self._guest = guest
        self._turns = turns
        self._state = state
        self._runner = runner
        self._replies = replies
        self._slider = slider
        self._think = think
        self._leave_begun = leave_begun

    # -- the choice --

    def offer(self, *, in_place: bool) -> None:
        """Lets the user pick what answers.

        Args:
            in_place: Whether its reply takes the other's place; else it stands beside it.
        """
        if len(self._host.screen_stack) == 1:
            offer = self._offer(in_place=in_place)
            self._host.run_worker(offer, group="compare-offer", exclusive=True)

    async def _offer(self, *, in_place: bool) -> None:
        from r1chat.tui.screens.pick import Choice, Pick

        try:
            models = await self._guest.candidates()
        except R1ChatError as error:
            self._tell(str(error))
            return
        choices = [Choice(each.ref, model_name(each.ref, 60), each.about) for each in models]
        if not in_place:
            choices = [*self._versions(), *choices, *self._settings()]
        choices.append(Choice(_TYPE, "type it …", "any model, any setting"))
        if len(self._host.screen_stack) == 1 and self._replies.last_node is not None:
            title = "Regenerate with" if in_place else "Compare with"
            self._host.push_screen(Pick(title, choices), partial(self._picked, in_place=in_place))

    def _versions(self) -> Iterator[Choice]:
        from r1chat.tui.screens.pick import Choice
        from r1chat.tui.widgets.compared import ComparedTurn

        node = self._replies.last_node
        if isinstance(self._turns.last, ComparedTurn):
            yield Choice(_ALONE, "one alone", "show one reply at a time again")
        for other in node.versions if node is not None else ():
            if other is not node:
                yield Choice(_VERSION + other.id, f"version {other.version}", other.author)

    def _settings(self) -> Iterator[Choice]:
        from r1chat.presets import described, known
        from r1chat.tui.screens.pick import Choice

        now = str(self._slider.value)
        for budget in _BUDGETS:
            if budget != now:
                yield Choice(f"budget={budget}", f"budget {budget}", "the same model")
        for each in known(self._host.preferences.saved).values():
            about = each.about or described(each, 60)
            yield Choice(f"preset={each.name}", f"preset {each.name}", about)
        yield Choice("temperature=0", "temperature 0", "the likeliest token each time")

    async def _picked(self, value: str | None, *, in_place: bool) -> None:
        if value is None:
            return
        if value == _TYPE:
            from r1chat.tui.screens.one_line import OneLine

            title = "Regenerate with" if in_place else "Compare with"
            typed = partial(self._picked, in_place=in_place)
            self._host.push_screen(OneLine(title, about=_FORM, refused=_refusal), typed)
        elif value == _ALONE or value.startswith(_VERSION):
            await self._show(value.removeprefix(_VERSION))
        else:
            from r1chat.variation import parse

            try:
                variation = parse(value)
            except ValueError as error:
                self._tell(str(error))
                return
            # Who answers a key must not wait until it is known whether there is room. It is not
            # exclusive: the model in use may have been given up by then, and must come back.
            self._host.run_worker(self._answer(variation, in_place=in_place), group="compare")

    def _tell(self, text: str) -> None:
        self._host.notify(line(text, 400), severity="warning", markup=False, timeout=8)

    # -- what is there --

    async def _show(self, name: str) -> None:
        """Shows the last reply beside another version of it, or alone.

        Args:
            name: The id of the other; of none, where it is to be shown alone.
        """
        async with self._turns.batch():
            view, node = self._turns.last, self._replies.last_node
            if self._runner.running or view is None or node is None:
                return
            other = next((each for each in node.versions if each.id == name), None)
            if other is None:
                await self._show_again()
                return
            # In their order, so that the keys that turn over lead the way they point.
            first, second = sorted((node, other), key=lambda each: each.version)
            compared = await self._put_in_place(view, first)
            compared.show_other(second)
            compared.place(node)

    async def _show_again(self) -> None:
        """Shows the conversation as it stands."""
        if self._state.tree is not None:
            await self._turns.show(self._state.tree, collapsed=self._collapsed)
            self._replies.show_hint()

    async def _put_in_place(self, view: TurnView, left: Node, name: str = "") -> ComparedTurn:
        from r1chat.tui.widgets.compared import ComparedTurn

        assert left.turn is not None  # noqa: S101  (the root is never shown)
        compared = ComparedTurn(left.turn.question, left.turn.attachments, left, name)
        compared.collapsed_at_start = self._collapsed
        await self._turns.drop_from(view)
        await self._turns.add(compared)
        compared.show_turn(left.turn)
        return compared

    @property
    def _collapsed(self) -> bool:
        return self._host.preferences.thoughts_hidden

    def take(self, view: ComparedTurn, node: Node) -> None:
        """Has the conversation go on with one of two replies."""
        self._state.choose(node)
        view.place(node)
        self._replies.show_hint()

    # -- what is asked --

    async def _answer(self, variation: Variation, *, in_place: bool) -> None:
        async with self._turns.lock:
            view, node = self._turns.last, self._replies.last_node
            engine, preferences = self._host.engine, self._host.preferences
            if self._runner.running or view is None or node is None or engine is None:
                return
            same = {self._host.model_ref, engine.info.ref}
            ref = None if variation.model in same else variation.model
            try:
                held = variation.held(preferences.settings)
                budget = self._budget(held)
                given_up = await self._guest.make_room(ref) if ref else None
            except (R1ChatError, ValueError) as error:
                self._tell(str(error))
                return
            turn, parent = node.turn, node.parent
            assert turn is not None  # noqa: S101  (the root is never shown)
            assert parent is not None  # noqa: S101
            self._leave_begun()
            new: TurnView
            async with self._turns.batch():
                if in_place:
                    await self._turns.drop_from(view)
                    new = self._replies.new_view(turn.question, turn.attachments)
                    await self._turns.add(new)
                else:
                    names = (model_name(ref, 60) if ref else "", variation.settings)
                    name = " · ".join(each for each in names if each)
                    new = await self._put_in_place(view, node, name)
                    new.place(node)
            think: Think = held.get("think") or self._think.value
            ask = partial(
                self._events,
                node,
                variation=variation,
                settings=variation.over(preferences.settings),
                think=think,
            )
            self._start(new, node, ask, budget, think, ref, given_up, in_place=in_place)

    def _start(
        self,
        view: TurnView,
        node: Node,
        ask: Callable[..., Iterator[Event]],
        budget: Budget,
        think: Think,
        ref: str | None,
        given_up: Engine | None,
        *,
        in_place: bool,
    ) -> None:
        from r1chat.reasoning.control import Control

        engine, preferences = self._host.engine, self._host.preferences
        pace = preferences.pace(ref or self._host.model_ref)
        control = Control(budget, pace, preferences.peek_every, measures=preferences.confidence)
        view.begin(budget)
        self._turns.anchor()
        asked = partial(ask, control=control)
        if ref is not None:
            events = partial(self._guest.answers, ref, asked, control, given_up)
        else:
            assert engine is not None  # noqa: S101  (`_answer` has looked)
            events = partial(asked, engine)
        self._runner.start(Job(view, control, events, think, beside=node, takes_over=in_place))

    def _budget(self, held: dict[str, object]) -> Budget:
        from dataclasses import replace

        from r1chat.reasoning.budget import Budget

        least = held.get("min_think")
        if "budget" in held:
            return Budget.parse(str(held["budget"]), minimum=int(str(least or 0)))
        usual = self._slider.value
        return usual if least is None else replace(usual, minimum=int(str(least)))

    def _events(
        self,
        node: Node,
        engine: Engine,
        *,
        variation: Variation,
        settings: Settings,
        think: Think,
        control: Control,
    ) -> Iterator[Event]:
        """The stream of the reply; called on the thread that reads it."""
        turn = node.turn
        held = variation.held(settings)
        session = self._state.guest(engine, settings.system if "system" in held else None)
        if session is None or turn is None:
            return iter(())
        # Where settings alone are others, nothing else is to differ.
        seed = turn.reply.receipt.seed if variation.model is None else None
        return session.ask(
            turn.question,
            control=control,
            language=settings.think_language,
            sampling=self._host.preferences.sampling(engine.info, settings, seed),
            max_answer=settings.max_answer,
            attachments=turn.attachments,
            think=think,
            parent=node.parent,
            beside=variation.settings,
            check_sums=self._host.preferences.check_sums,
        )

    # -- what comes of it --

    def finish(self, finished: Finished, before: Node) -> None:
        """Gives the reply its place, and the model in use its own.

        Args:
            finished: The reply.
            before: The version that was there before.
        """
        job = finished.job
        self._guest.is_back()
        if finished.error is None:
            newest = before.siblings[-1]
            if job.takes_over:
                self._state.choose(newest)
            job.view.place(newest if job.takes_over else before)
        elif job.takes_over:
            self._tell(finished.error)
            self._host.run_worker(self._show_again(), group="compare-again", exclusive=True)


def _refusal(text: str) -> str:
    """Why what was typed names nothing to compare with; empty where it does."""
    from r1chat.variation import parse

    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return ""
