"""The open conversation: its tree, its session, its system text, the model that wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # What a session needs is imported where one is begun: the first frame has none.
    from r1chat.conversation import Conversation, Node, TurnsSummary
    from r1chat.engine.base import Engine
    from r1chat.events import Reply
    from r1chat.history import History
    from r1chat.session import Session


class OpenConversation:
    """Owns the conversation on the screen.

    Args:
        history: Where it is saved.
    """

    def __init__(self, history: History) -> None:
        self.session: Session | None = None
        """Asks the model; None as long as there was none."""
        self.original_model = ""
        """The original model of a conversation from the history."""
        self._history = history
        self._tree: Conversation | None = None
        """The conversation, as long as there is no session for the want of a model."""
        self._system: str | None = None
        """Instructions for the whole conversation, where it came with some."""

    @property
    def tree(self) -> Conversation | None:
        """All turns and versions; None where nothing was begun."""
        return self.session.conversation if self.session is not None else self._tree

    @property
    def id(self) -> str:
        """Its id in the history; empty where there is none."""
        return self.tree.id if self.tree is not None else ""

    @property
    def has_turns(self) -> bool:
        """Whether anything was said."""
        return self.tree is not None and bool(self.tree.root.children)

    def begin(self, engine: Engine | None, system: str | None = None) -> None:
        """Begins a new conversation.

        Args:
            engine: The model, where there is one.
            system: Instructions for the whole of it.
        """
        self.open(engine, None, system=system)

    def instruct(self, engine: Engine | None, system: str | None) -> None:
        """Gives a conversation other instructions, as long as nothing was said."""
        if not self.has_turns and system != self._system:
            self.begin(engine, system)

    def open(
        self,
        engine: Engine | None,
        tree: Conversation | None,
        *,
        system: str | None = None,
        original_model: str = "",
    ) -> None:
        """Opens a conversation in place of the one there is.

        Args:
            engine: The model, where there is one.
            tree: What was said before.
            system: Instructions for the whole of it.
            original_model: The model that wrote it.
        """
        self.session, self._tree = None, tree
        self._system, self.original_model = system, original_model
        if engine is not None:
            self._begin_session(engine)

    def change_model(self, engine: Engine) -> None:
        """Goes on with another model, or begins with the first."""
        if self.tree is not None:
            self.tree.forget_tokens()
        self._begin_session(engine)

    def _begin_session(self, engine: Engine) -> None:
        from r1chat.session import Session

        self.session = Session(
            engine, system=self._system, conversation=self.tree, recorder=self._history
        )
        self._tree = None

    def guest(self, engine: Engine, system: str | None) -> Session | None:
        """A session of another model, or with other instructions, for one version of a reply.

        Args:
            engine: The model.
            system: Its instructions; empty are none, and None are the conversation's.
        """
        from r1chat.session import Session

        if self.tree is None:
            return None
        return Session(
            engine,
            system=self._system if system is None else system,
            prepare=False,
            conversation=self.tree,
            recorder=self._history,
        )

    def is_foreign(self, node: Node) -> bool:
        """Whether another model wrote a turn's reply: it cannot be continued."""
        made = node.turn.origin if node.turn is not None else None
        model = self.session.model.ref if self.session is not None else None
        return made is None or made.model != model

    def own_reply(self, node: Node | None) -> Reply | None:
        """The reply of a turn, if the model in use wrote it."""
        if node is None or node.turn is None or self.is_foreign(node):
            return None
        return node.turn.reply

    def choose(self, node: Node) -> None:
        """Has the conversation go through a turn from now on."""
        if self.tree is not None:
            self.tree.choose(node)
            self._history.choose(node.id)

    def keep_summary(self, node: Node, summary: TurnsSummary | None) -> None:
        """Has a summary stand for a turn and all before it; None has the turns read again."""
        if self.tree is not None:
            self.tree.summarise(node, summary)
            self._history.summarise(node.id, summary)

    def remove(self, node: Node) -> None:
        """Removes a version."""
        if self.tree is not None:
            self.tree.remove(node)
            self._history.remove(node.id)
