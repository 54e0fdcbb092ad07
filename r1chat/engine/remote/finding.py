"""Detects which make a server is, which models it has, and what it supports."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import PurePath
from typing import Any

from r1chat.engine.remote import dialects, listed
from r1chat.engine.remote.dialects import Dialect
from r1chat.engine.remote.link import Link
from r1chat.engine.remote.markers import Markers, Tokenizer
from r1chat.engine.remote.refusals import Absent, Busy, Refused
from r1chat.engine.remote.segment import Patience, Start, trying_again, wait_before
from r1chat.engine.remote.served import ServedTemplate
from r1chat.engine.remote.server import Server
from r1chat.engine.remote.sse import Garbage
from r1chat.errors import ModelError, NetworkError
from r1chat.prompt.kinds import is_r1
from r1chat.prompt.switches import hinted
from r1chat.reasoning.formats import FORMATS, THINK, Format
from r1chat.reasoning.phrases import ANSWER, BOX, CLOSE, FINISHED, LANDING, OPEN_ANSWER, WAIT
from r1chat.sanitize import line

ASK_S = 15.0
"""Seconds in which a server has to say what it is."""
OUR_WORDS = (
    CLOSE,
    f"\n\n{LANDING}\n",
    f"\n{LANDING}\n",
    f"{LANDING}\n",
    f"{FINISHED}\n",
    WAIT,
    f"\n{WAIT}",
    ANSWER,
    OPEN_ANSWER,
    ANSWER + BOX,
)
"""What r1chat writes into replies: counted once, for the receipts."""
_RARE = sorted({piece for each in FORMATS for piece in each.pieces} - THINK.pieces)
"""Tokens that few models have, of which markers of thoughts are made."""
_MOST_NAMED = 6
_GGUF = ".gguf"
_LONGEST_TEMPLATE = 1 << 18
_LONGEST_MARKER = 100
_NO_LIST = "does not list its models as OpenAI's servers do"
_FINAL = {HTTPStatus.UNAUTHORIZED}
"""Refusals of the list of models that hold for questions too."""
_NO = (Refused, Garbage, ModelError)
"""How a server says that it cannot do something. Whatever else goes wrong says nothing of that."""


@dataclass(frozen=True, slots=True)
class Found:
    """A server and a model of it, and what is known of them. Numbers are 0 where they are not."""

    server: Server
    dialect: Dialect
    model: str
    """As the server names it."""
    context: int = 0
    context_trained: int = 0
    parameters: int = 0
    size: int = 0
    template: str | None = field(default=None, repr=False)
    served: ServedTemplate | None = field(default=None, repr=False, compare=False)
    """Renders the template, where it is the server's own; what stands in `template` then is what
    was found out of it."""
    plain: bool = False
    """Whether the server says that its model has no template."""
    bos: str = ""
    """The text of the token that begins a text."""
    eos: str = ""
    adds_bos: bool = False
    """Whether the server puts that token before a prompt that is a text."""
    parallel: int = 1
    formats: tuple[Format, ...] = field(default=FORMATS, repr=False)
    """How thoughts may be set apart, what is preferred first."""
    markers: Markers = field(default_factory=Markers, repr=False, compare=False)
    tokenizer: Tokenizer | None = field(default=None, repr=False, compare=False)
    """Tokenises; None where the server does not."""


def find(
    link: Link, model: str, patience: Patience, tell: Callable[[str], None] = lambda _: None
) -> Found:
    """Asks a server what it is and can do; tries again where it is busy, or still loads its model.

    A server that the user has given a name is waited for where it is not running yet.

    Args:
        link: To the server.
        model: The model's name; may be empty where the server has only one.
        patience: How long it is waited for.
        tell: Takes a line for the user.

    Raises:
        ModelError: If it has no such model.
        NetworkError: If it does not answer, or stays busy.
    """
    end = time.monotonic() + patience.looking
    start = Start(patience, tell)
    attempt = 2
    while True:
        try:
            return _find(link, model, patience, tell)
        except Busy as busy:
            wait = wait_before(attempt, busy, patience)
            if wait is None or time.monotonic() + wait > end:
                raise
            tell(trying_again(busy, wait))
            attempt += 1
        except Absent as absent:
            if not link.server.name:
                # Nobody says that there is a server at all: the address may be mistyped.
                raise
            wait = start.wait(absent)
            end = time.monotonic() + wait + patience.looking
        time.sleep(wait)


def _find(link: Link, model: str, patience: Patience, tell: Callable[[str], None]) -> Found:
    """Asks once.

    Raises:
        ModelError: If it has no such model.
        NetworkError: If it does not answer.
    """
    entry = _entry(link, model, tell)
    dialect, facts = _dialect(link, entry, patience.probing)
    name = str(entry["id"])
    about = meta if isinstance(meta := entry.get("meta"), dict) else {}
    settings = facts.get("default_generation_settings")
    context = _number(entry.get("max_model_len"))
    if isinstance(settings, dict):
        context = _number(settings.get("n_ctx"))
    tokenizer = Tokenizer(link, dialect, name)
    works = _works(tokenizer)
    if not works and not dialect.proof:
        # Nothing else has shown that it is what it seems.
        dialect = dialects.UNKNOWN
    if works and not context:
        context = tokenizer.room()
    markers = Markers(tokenizer.tokenize if works else None)
    with contextlib.suppress(*_NO):
        markers.learn(OUR_WORDS)
    if works and dialect.about:
        with contextlib.suppress(*_NO):
            about_it = link.get(link.server.root + dialect.about, ASK_S)
            facts |= about_it if isinstance(about_it, dict) else {}
    bos = _text(facts.get("bos_token"), _LONGEST_MARKER)
    adds_bos = bool(markers.base) or (works and dialect.tokenizes_parts and tokenizer.adds_bos())
    template = _text(facts.get("chat_template"), _LONGEST_TEMPLATE) or None
    served = None
    if works and template is None and dialect.detokenize and not is_r1(markers.has):
        served = ServedTemplate(link, dialect, name, tokenizer)
        template = served.outline() or None
        with contextlib.suppress(*_NO):
            markers.know(tokenizer.names_among(_RARE))
    return Found(
        server=link.server,
        dialect=dialect,
        model=name,
        context=context,
        context_trained=_number(about.get("n_ctx_train")) or context,
        parameters=_number(about.get("n_params")),
        size=_number(about.get("size")),
        template=hinted(template, name),
        served=served if template is not None else None,
        plain=served is not None and served.missing,
        bos=bos,
        eos=_text(facts.get("eos_token"), _LONGEST_MARKER),
        adds_bos=adds_bos,
        parallel=max(1, _number(facts.get("total_slots")) or dialect.parallel),
        markers=markers,
        tokenizer=tokenizer if works else None,
    )


def _entry(link: Link, model: str, tell: Callable[[str], None]) -> dict[str, Any]:
    """What a server says of a model in its list; its name alone where there is no usable list."""
    host = link.server.host
    try:
        entries = listed.models(link.get(f"{link.server.url}/models", ASK_S))
    except _NO as error:
        status = error.status if isinstance(error, Refused) else 0
        if not model or status in _FINAL or (status and status < HTTPStatus.BAD_REQUEST):
            raise
        why = f"HTTP {status}" if status else "its answer is no JSON"
    else:
        if entries:
            return _chosen(entries, model, link.server)
        what = "lists no models" if entries == [] else _NO_LIST
        if not model:
            msg = f"{host} {what}: check the address, or put the model's name behind a #"
            raise NetworkError(msg)
        why = f"it {what}"
    tell(f"{host} does not say which models it has ({why}): {line(model, 80)} is taken as named")
    return {"id": model}


def _chosen(entries: list[dict[str, Any]], model: str, server: Server) -> dict[str, Any]:
    if not model and len(entries) == 1:
        return entries[0]
    for name_of in (str, _file_name, _file_stem) if model else ():
        found = [each for each in entries if name_of(each["id"]) == model]
        # A whole name counts though it is listed twice; what is a part of several is none of them.
        if len(found) == 1 or (found and name_of is str):
            return found[0]
    names = [line(each["id"], 60) for each in entries[:_MOST_NAMED]]
    names += ["…"] if len(entries) > _MOST_NAMED else []
    what = f"has no model {line(model, 80)}" if model else "has several models"
    msg = f"{server.host} {what}; put one of these behind a #: {', '.join(names)}"
    raise ModelError(msg)


def _file_name(name: str) -> str:
    """What llama.cpp's servers name a model by, if they are given no other name: its file."""
    return PurePath(name).name


def _file_stem(name: str) -> str:
    """The same without its ending; what stands behind another dot is part of a version."""
    return _file_name(name)[: -len(_GGUF)] if name.lower().endswith(_GGUF) else ""


def _dialect(
    link: Link, entry: dict[str, Any], patience_s: float
) -> tuple[Dialect, dict[str, Any]]:
    """The make of a server, and what it says of itself."""
    owner = entry.get("owned_by")
    likely = next((each for each in dialects.KNOWN if each.owner == owner), None)
    if likely is None:
        return _guessed(link, patience_s)
    if not likely.proof:
        return likely, {}
    # What is likely has to be certain: that it is busy is no proof of the contrary.
    with contextlib.suppress(*_NO):
        answer = link.get(link.server.root + likely.proof, ASK_S)
        if isinstance(answer, dict) and likely.proves in answer:
            return likely, answer
    return dialects.UNKNOWN, {}


def _guessed(link: Link, patience_s: float) -> tuple[Dialect, dict[str, Any]]:
    """The make of a server that does not name it: all are tried at once, for a short while."""

    def prove(dialect: Dialect) -> dict[str, Any] | None:
        # A guess may go wrong in any way, such as a gateway's.
        with contextlib.suppress(NetworkError, ModelError):
            answer = link.get(link.server.root + dialect.proof, patience_s)
            if isinstance(answer, dict) and dialect.proves in answer:
                return answer
        return None

    proved = [each for each in dialects.KNOWN if each.proof]
    with ThreadPoolExecutor(len(proved), "r1chat-probe") as pool:
        for dialect, answer in zip(proved, pool.map(prove, proved), strict=True):
            if answer is not None:
                return dialect, answer
    return dialects.UNKNOWN, {}


def _works(tokenizer: Tokenizer) -> bool:
    """Whether the server tokenises: some can be told not to."""
    try:
        return tokenizer.tokenize("a") != []
    except _NO:
        return False


def _number(value: object) -> int:
    return value if type(value) is int and 0 < value < 1 << 62 else 0


def _text(value: object, most: int) -> str:
    return value if isinstance(value, str) and len(value) <= most else ""
