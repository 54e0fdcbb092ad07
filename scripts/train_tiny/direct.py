"""An answerer on bare llama.cpp, for checkpoints that are still in the making."""

from __future__ import annotations

from collections.abc import Iterator

from llama_cpp import Llama

from scripts.train_tiny.teacher.sample import EOS, OFF, SOFT, framed

CLOSE = "</think>"


class Direct:
    """Greedy decoding with the app's framing and its budget landings."""

    def __init__(self, path: str) -> None:
        """Load the model with one thread."""
        self._llama = Llama(path, n_ctx=1024, n_threads=1, verbose=False)
        self._close = self._ids(CLOSE)[0]
        self._eos = self._ids(EOS)[0]

    def _ids(self, text: str) -> list[int]:
        return self._llama.tokenize(text.encode(), add_bos=False, special=True)

    def _text(self, ids: list[int]) -> str:
        return self._llama.detokenize(ids, special=True).decode(errors="replace")

    def _run(self, ids: list[int]) -> Iterator[int]:
        return self._llama.generate(ids, temp=0.0, top_k=1, repeat_penalty=1.0)

    def _until(self, ids: list[int], ends: tuple[int, ...], limit: int) -> tuple[list[int], bool]:
        out: list[int] = []
        limit = min(limit, 1000 - len(ids))
        if limit <= 0:
            return out, False
        for token in self._run(ids):
            if token in ends:
                return out, True
            out.append(token)
            if len(out) >= limit:
                break
        return out, False

    def __call__(
        self,
        question: str,
        history: tuple[tuple[str, str], ...] = (),
        budget: int | None = None,
        opening: str = "",
    ) -> tuple[str, str]:
        """Return the thought (with its given opening) and the answer."""
        prompt = self._ids(framed(question, history))
        if budget == 0:
            thought, landed = "", OFF
        else:
            head = self._ids(opening) if opening else []
            found, ended = self._until(prompt + head, (self._close, self._eos), budget or 900)
            thought = opening + self._text(found)
            blank = "\n" if thought.endswith("\n") else "\n\n"
            landed = CLOSE + "\n\n" if ended else blank + SOFT
        said, _ = self._until(prompt + self._ids(thought + landed), (self._eos,), 60)
        return thought, self._text(said)
