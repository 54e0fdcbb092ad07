"""Saves what the cache holds of a conversation, a little at a time, and gives it back.

States are copied out on the engine's thread, which owns the cache, between two tokens, and written
on another. What attends keeps something of each token, so that only what is new is copied; where
there is a state of all tokens, or a window over them, it is copied whole.
"""

from __future__ import annotations

import logging
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path

from r1chat.engine.machine import BEGINNING, MAIN, TokenMachine
from r1chat.states import Damaged, New, Origin, Part, Saved, States, Writer
from r1chat.states import file as state_file

log = logging.getLogger(__name__)

_SHARE = 0.01
"""Of the time in which a reply is written, the part that saving may take."""
_LEAST = 64
"""Tokens that are worth a part of their own."""
_PATIENCE_S = 5.0
"""Fewer are saved after so many seconds."""
_PIECE = 4 << 20
"""Bytes that are copied at a time, rather fewer than more: the next token waits for it."""
_CLOSING_S = 2.0
"""How long the end waits for what is still to be saved."""
_STOPPING_S = 0.2
"""How long it does where the user has stopped the reply, and wants to be gone."""


class StateKeeper:
    """Follows one conversation at a time; for the engine's thread alone.

    Args:
        states: Where states are kept.
        key: Tells what they must fit, once it is needed.
        model: The model's reference, for people.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        states: States,
        key: Callable[[], str],
        model: str,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._states = states
        self._make_key = key
        self._key = ""
        self._model = model
        self._clock = clock
        self._writer = Writer(states)
        self._origin: Origin | None = None
        """The conversation that is followed; None where nothing is to be saved."""
        self._file: Path | None = None
        """The file of its state."""
        self._sequence = MAIN
        self.left_out = 0
        """Turns that there is no room for; of a conversation that has just been found, those that
        there was none for."""
        self._tokens: list[int] = []
        """What is saved, or waits to be written."""
        self._ends: list[int] = []
        """Where the parts of it end."""
        self._base: list[int] = []
        """What a state was saved of that cannot be cut, to go back to."""
        self._piece = _LEAST
        """Tokens that are copied at a time."""
        self._began = 0.0
        self._looked = 0
        """Tokens in the cache when something was saved last."""
        self._saved_at = 0.0
        self._took = 0.0
        """Seconds that the last piece took."""
        self._spent = 0.0
        """Seconds that copying took since the reply began."""

    # -- a conversation --

    def follow(self, conversation: str, sequence: int = MAIN) -> tuple[int, ...]:
        """Goes over to a conversation.

        Args:
            conversation: Its id; empty where nothing of it is to be saved.
            sequence: Which sequence of the cache has it.

        Returns:
            The tokens that are saved of it.
        """
        self._sequence = sequence
        self._looked = 0
        self._began = self._saved_at = self._clock()
        self._spent = -self._writer.seconds
        if not conversation:
            self._origin = self._file = None
            self.left_out = 0
            return ()
        try:
            self._key = self._key or self._make_key()
        except OSError as error:
            # The model's file is gone; it is in memory still.
            log.info("states are not saved: %s", error)
            return self.follow("")
        origin = Origin(conversation, self._key, self._model)
        if origin == self._origin:
            return tuple(self._tokens)
        self._origin = origin
        self._writer.flush(_CLOSING_S)
        path = self._states.path(origin)
        saved = _found(path, origin)
        self._take(path, saved)
        self.left_out = saved.parts[-1].left_out if saved is not None else 0
        return tuple(self._tokens)

    def _take(self, path: Path, saved: Saved | None) -> None:
        """Takes a file's contents for what is saved."""
        self._file = path
        self._writer.begin(path, saved)
        run = saved.runs[-1] if saved is not None else ()
        self._tokens = [token for part in run for token in part.tokens]
        self._ends = [part.end for part in run]
        runs = saved.runs if saved is not None else ()
        self._base = list(runs[0][0].tokens) if len(runs) > 1 else []

    def begin_again(self) -> None:
        """Looks anew what states must fit, because the context is another one."""
        origin, self._origin, self._key = self._origin, None, ""
        if origin is not None:
            self.follow(origin.conversation, self._sequence)

    # -- loading --

    def load(
        self, machine: TokenMachine, tokens: Sequence[int], is_over: Callable[[], bool]
    ) -> None:
        """Loads what was saved of a prompt into the cache, where that is more than is there.

        Args:
            machine: Its main sequence takes it; what else is in the cache is lost then.
            tokens: The prompt.
            is_over: Tells when nobody wants it any more.
        """
        path = self._file
        saved_at_most = max(_shared(self._tokens, tokens), _shared(self._base, tokens))
        if path is None or saved_at_most <= machine.reach(tokens):
            return
        self._writer.flush(_CLOSING_S)
        begun = False
        # What takes the process down is not tried a second time: it is not found under this name.
        trying = path.with_suffix(".trying")
        try:
            path.replace(trying)
            with state_file.opened(trying) as file:
                saved = state_file.read(file)
                run, length = _best(saved.runs, tokens, machine)
                if length > machine.reach(tokens):
                    begun = True
                    machine.clear()
                    wanted = [part for part in run if part.first < length]
                    self._load(machine, file, saved, wanted, is_over)
            trying.replace(path)
        except (Damaged, OSError) as error:
            log.info("a saved state cannot be used: %r", error)
            if begun:
                machine.clear()
            _remove(trying)
            self._take(path, None)

    def _load(
        self,
        machine: TokenMachine,
        file: state_file.Reader,
        saved: Saved,
        wanted: Sequence[Part],
        is_over: Callable[[], bool],
    ) -> None:
        for part in saved.parts:
            if is_over():
                return
            # All of a file is checked before any of it is trusted.
            data = state_file.payload(file, part)
            if part in wanted and machine.position == part.first:
                machine.add_state(part.tokens, data)
        if not machine.position:
            raise Damaged

    # -- saving --

    def at_token(self, machine: TokenMachine) -> None:
        """Saves a piece between two tokens of a reply, where one is due."""
        if self._origin is None:
            return
        now = self._clock()
        fresh = machine.position - self._looked
        if fresh < _LEAST and now - self._saved_at < _PATIENCE_S:
            return
        spent = self._spent + self._writer.seconds + self._took
        if spent > _SHARE * (now - self._began) or self._writer.full:
            return
        more = self._save_piece(machine)
        self._saved_at, self._looked = now, 0 if more else machine.position

    def save(self, machine: TokenMachine, is_over: Callable[[], bool]) -> None:
        """Saves all that is not saved yet.

        Args:
            machine: Has it in its cache.
            is_over: Tells when to leave the rest for later.
        """
        while self._origin is not None and not is_over():
            if not self._writer.full:
                if not self._save_piece(machine):
                    return
            else:
                self._writer.wait(_LEAST / 1000)

    def _save_piece(self, machine: TokenMachine) -> bool:
        """Saves a piece; whether there may be more to save."""
        fault = self._writer.fault
        if isinstance(fault, Damaged) and self._origin is not None:
            # Another process has continued the conversation: from here on it is as we have it.
            self._take(self._states.path(self._origin), None)
        elif fault is not None:
            return False
        began = self._clock()
        saved = self._save_new if machine.in_parts else self._save_whole
        more = saved(machine, machine.tokens(self._sequence))
        self._took = self._clock() - began
        self._spent += self._took
        return more

    def _save_new(self, machine: TokenMachine, tokens: list[int]) -> bool:
        """Saves the next tokens of those that are not saved yet."""
        shared = _shared(self._tokens, tokens)
        if shared == len(tokens):
            return False
        keep = bisect_right(self._ends, shared)
        first = self._ends[keep - 1] if keep else 0
        before = self._ends[keep - 2] if keep > 1 else 0
        if keep and first - before < _LEAST:
            # Many small parts would take long to load.
            keep, first = keep - 1, before
        last = min(len(tokens), first + self._piece)
        return self._add(machine, keep, first, tokens[:last]) and last < len(tokens)

    def _save_whole(self, machine: TokenMachine, tokens: list[int]) -> bool:
        """Saves the state of all tokens, beside that of those which later prompts begin with."""
        if not tokens or tokens == self._tokens:
            return False
        base = machine.tokens(BEGINNING)
        if base and base != self._base:
            following, self._sequence = self._sequence, BEGINNING
            done = self._add(machine, 0, 0, base)
            self._sequence = following
            self._base = base if done else []
        keep = 1 if base and base == self._base else 0
        if base != tokens:
            self._add(machine, keep, 0, tokens)
        return False

    def _add(self, machine: TokenMachine, keep: int, first: int, tokens: list[int]) -> bool:
        data = machine.state(self._sequence, first, len(tokens))
        if data is None or self._origin is None:
            log.info("llama.cpp gives no state of %s tokens", len(tokens) - first)
            self._origin = None
            return False
        view = memoryview(data).cast("B")
        self._piece = max(_LEAST, _PIECE * (len(tokens) - first) // view.nbytes)
        self._writer.add(self._origin, keep, New(first, tokens[first:], view, self.left_out))
        self._tokens = tokens
        self._ends = [*self._ends[:keep], len(tokens)] if machine.in_parts else [len(tokens)]
        return True

    def close(self, machine: TokenMachine, *, stopped: bool) -> None:
        """Saves what is left, if that does not take long.

        Args:
            machine: Has it in its cache.
            stopped: Whether the user has stopped what was under way.
        """
        end = self._clock() + (_STOPPING_S if stopped else _CLOSING_S)
        self.save(machine, lambda: self._clock() > end)
        self._writer.close(max(0.0, end - self._clock()))


def _found(path: Path, origin: Origin) -> Saved | None:
    """What a file holds, if it is whole and of a conversation."""
    try:
        with state_file.opened(path) as file:
            saved = state_file.read(file)
    except FileNotFoundError:
        return None
    except (Damaged, OSError) as error:
        log.info("a saved state cannot be used: %r", error)
        _remove(path)
        return None
    fits = (saved.origin.conversation, saved.origin.key) == (origin.conversation, origin.key)
    return saved if fits else None


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        log.info("a damaged state cannot be removed: %s", error)


def _best(
    runs: Sequence[Sequence[Part]], tokens: Sequence[int], machine: TokenMachine
) -> tuple[Sequence[Part], int]:
    """The run that has most of a prompt, and how many of its tokens that are."""
    found: tuple[Sequence[Part], int] = ((), 0)
    for run in runs:
        saved = [token for part in run for token in part.tokens]
        shared = _shared(saved, tokens)
        # One token at least has to be evaluated, for what follows it.
        is_whole = shared == len(saved) and (machine.cuts or shared < len(tokens))
        if shared > found[1] and (machine.in_parts or is_whole):
            found = run, shared
    return found


def _shared(ours: Sequence[int], others: Sequence[int]) -> int:
    """How many tokens two have in common at their beginning."""
    both = min(len(ours), len(others))
    if list(ours[:both]) == list(others[:both]):
        return both
    pairs = enumerate(zip(ours, others, strict=False))
    return next(i for i, (one, other) in pairs if one != other)
