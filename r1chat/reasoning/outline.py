"""Divides a thought into steps, checks, dead ends and restarts, by its words alone.

A part begins with a paragraph of prose, with a numbered line, or with a sentence that says that
something else begins: "Let me verify", "That doesn't work", "Wait". What stands in between, such
as formulas, lists and code, belongs to the part before it; so do numbered lines that only say what
is given or is going to be done, and words that lead to such a list. English first; the words that
R1 models use in Chinese are known as well.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from r1chat.reasoning.occurrence import first_place

Kind: TypeAlias = Literal["step", "check", "dead end", "restart", "answer"]

KINDS: tuple[Kind, ...] = ("step", "check", "dead end", "restart", "answer")

WINDOW = 280
"""Characters of a sentence's beginning that are looked at."""
LONGEST_TITLE = 60
_SHORTEST_TITLE = 16
"""Characters from which on a title ends with its sentence."""
_HEAD = 200
"""Characters of a part that its title is made of."""
_BRIEF = 12
"""A paragraph of fewer characters, as "Okay.", is no part of its own."""
_LONGEST_END = 6
_BEFORE = 32
"""Characters before words that are looked at with them."""

_SENTENCE_END = re.compile(r"\n|[.!?…][\"'”’)\]*_]{0,4}[ \t]|[。！？]")
_NO_SENTENCE = re.compile(r"[\W\d_]{0,12}")
"""What a dot behind it does not end: the number of an item, as "3. "."""
_LEADING = re.compile(
    r"(?:[\s>*_#\"'“‘”’「『（(\[•–—-]+"
    r"|(?:step|part)\s+\d{1,3}\b\W{0,4}|\d{1,3}[.)]\s+)*",
    re.IGNORECASE,
)
_TURNS = (
    r"(?:(?:ah|and|but|except|finally|first|however|next|now|oh|ok|okay|alright|all\s+right|right|so"
    r"|still|then|uh|well|yes|yet|great|good|perfect|hmm+|hm|just|maybe|perhaps|as\s+such|therefore"
    r"|of\s+course|no)\b\W{1,4})*"
)
_WILL = (
    r"(?:(?:let\s+me|let['’]s|let\s+us|i['’]ll|we['’]ll|(?:i|we)\s+(?:will|should|must|can|could"
    r"|might|(?:need|have|want)\s+to)|it['’]s\s+(?:good|best|wise)\s+to|to)\s+)"
)
_HOW = r"(?:(?:just|quickly|now|also|carefully|actually|still|always|try\s+to|go\s+back\s+and)\s+)*"
_IT = (
    r"(?:this|that|it|these|those|them|my|our|the\s+(?:final\s+)?(?:answer|result|solution|sum"
    r"|calculations?|computation|arithmetic|work|steps?|total)|everything)"
)
_TO_CHECK = (
    r"(?:(?:re-?|double[-\s]?|cross[-\s]?|sanity[-\s]?)(?:check|verify)"
    rf"|check(?!\s+(?:if|whether|for|how|what|which)\b(?!\s+{_IT}\b))"
    r"|verify|confirm|validate|(?:make|be)\s+(?:sure|certain|safe)"
    rf"|test\s+(?:{_IT}|with|on|a\s+few|some|whether|each|both)\b"
    rf"|trace\s+through|retrace|go\s+(?:over|through)\s+{_IT}\s+(?:again|once\s+more)"
    rf"|see\s+(?:if|whether)\s+{_IT}\s+(?:works?|holds?|fits?|is\b|makes?\s+sense|agrees?)"
    rf"|(?:plug|put)\s+[^.?!\n]{{1,40}}\bback\b|(?:substitute|insert)\s+{_IT}\s+back\b)"
)
_CHECK = re.compile(
    rf"{_TURNS}(?:(?:wait|hold\s+on)\W{{1,4}}(?:but\s+)?)?(?:"
    rf"{_WILL}{_HOW}{_TO_CHECK}(?![\w-])"
    rf"|{_WILL}[^.?!\n]{{0,60}}\bto\s+(?:verify|confirm|validate|double[-\s]?check)\b"
    rf"|(?:double[-\s]?|cross[-\s]?|re-?)?check(?=\s*:|\s+{_IT}\b|\s+again\b|\s+with\b)"
    r"|(?:double[-\s]?|cross[-\s]?|sanity[-\s]?|re-?)?checking\b|(?:double|cross)[-\s]?check(?![\w-])"
    r"|(?:a\s+)?(?:sanity|quick|final|last)[-\s](?:checks?|test|verification)\b"
    r"|verify(?:ing)?\b|(?:for\s+)?verification\b|test(?:ing)?(?=\s*:|\s+(?:with|this|that|it)\b)"
    r"|as\s+a\s+(?:\w+\s+)?(?:check|test)\b"
    rf"|(?:plugging|putting)\s+[^.?!\n]{{0,40}}\bback\b"
    rf"|(?:substituting|inserting)\s+(?:{_IT}\s+)?back\b"
    r"|(?:is|was)\s+(?:that|this|it)\s+(?:right|correct|true|possible|consistent)\s*\?"
    r"|does\s+(?:that|this|it)\s+(?:make\s+sense|work|check\s+out|hold|satisfy|fit)\b"
    r"|(?:再|来|我来|那么|现在|最后)*(?:让我(?:们)?|我(?:们)?(?:可以|需要|应该|要)?|来|可以|为了)?"
    r"(?:再|先|来|重新|仔细|回头)*(?:检查|验证|验算|核对|确认|检验)"
    r")",
    re.IGNORECASE,
)
_RESTART = re.compile(
    rf"{_TURNS}(?:"
    r"wait(?!\s+(?:for|in|list|on|staff|till|time|times|until)\b)(?!\w)"
    r"|(?:hold|hang)\s+on(?!\s+to\b)\b"
    r"|(?:oops|not\s+so\s+fast|scratch\s+that|on\s+second\s+thoughts?|actually(?=\s*,)"
    r"|alternatively|instead(?=\s*,)|oh\W{1,3}i\s+see|my\s+mistake"
    r"|i\s+(?:forgot|misread|miscounted|miscalculated|overlooked|missed|messed\s+up|mixed\s+up|was\s+wrong)"
    r"|start(?:ing)?\s+(?:over|again|from\s+scratch))\b"
    r"|[^.?!\n]{0,60},\s+(?:i|we)\s+(?:need|have|ought)\s+to\s+re-?"
    r"(?:calculate|check|compute|consider|do|evaluate|examine|think)\b"
    r"|[^.?!\n]{0,60}\bnot\b[^.?!\n]{0,60}\blet(?:\s+me|['’]s|\s+us)\s+try\b"
    rf"|{_WILL}{_HOW}(?:start\s+(?:over|again|from\s+scratch|afresh)"
    r"|re-?(?:calculate|compute|consider|count|do|evaluate|examine|read|start|state|think|visit|work)"
    r"|backtrack|go\s+back\b|step\s+back\b|think\s+(?:again|differently)"
    r"|(?:approach|look\s+at|think\s+about|do|try)\s+(?:this|it)\s+(?:differently|again|another\s+way)"
    r"|try\s+(?:again|another|an\s+alternative|a\s+different|the\s+other|something\s+else)"
    r"|[^.?!\n]{0,80}\binstead)\b"
    r"|[^.?!,:\n]{0,40}\b(?:another|a\s+(?:different|better|simpler|quicker|cleaner)|an\s+(?:alternative|easier))"
    r"\s+(?:way|approach|method|strategy|angle|route)\b"
    r"|(?:等等|等一下|等下|且慢|重新|另外|或者|另一种|换(?:一)?(?:种|个)|再想想|其实)"
    r")",
    re.IGNORECASE,
)
_THAT = (
    r"\b(?:this|that|it|which|these|those|something"
    r"|(?:this|that|the|my|our)\s+(?:\w+\s+)?(?:approach|method|assumption|guess|attempt|idea|case"
    r"|result|answer|calculation|reasoning|way|choice|value|option|solution|step))"
)
_REALLY = (
    r"(?:(?:also|clearly|obviously|definitely|just|simply|certainly|still|really|probably)\s+)*"
)
_DEAD_LEADING = re.compile(
    rf"{_TURNS}(?:no(?=\s*[,.!]|\s+that\b)(?!\W{{1,3}}(?:wait|problem|doubt)\b)|nope\b"
    r"|i\s+don['’]t\s+think\s+(?:so\b|(?:that|this|it)(?:['’]s|\s+is|\s+works?)\b)"
    r"|i\s+(?:(?:think|believe)\s+i\s+)?(?:(?:may|might|must)\s+have\s+)?made\s+an?\s+(?:\w+\s+)?"
    r"(?:mistake|error)"
    r"|不对|不對|不[，,]|不行|错了|這是錯的|这是错的)",
    re.IGNORECASE,
)
_DEAD = re.compile(
    rf"{_THAT}(?:['’]s|\s+(?:is|was|are|were|must\s+be|seems?|looks?|feels?))\s+{_REALLY}"
    r"(?:wrong|incorrect|impossible|invalid|worse|not\s+(?:right|correct|possible|allowed|valid"
    r"|consistent|an?\s+integer|what\s+(?:we|i)\s+(?:want|need))|a\s+(?:contradiction|dead\s+end)"
    r"|ruled\s+out|out\s*[.,;!])"
    r"|\b(?:is|are|was|were|be|seems?)\s+(?:clearly\s+|obviously\s+|therefore\s+)?"
    r"(?:impossible|nonsense|absurd|extraneous|excluded|ruled\s+out|out\s+of\s+the\s+question"
    r"|not\s+(?:allowed|possible|valid))\b|\b(?:is|are)n['’]t\s+(?:allowed|possible|valid)\b"
    r"|['’]s\s+(?:nonsense|absurd|impossible|not\s+how)\b"
    r"|\b(?:can['’]t|cannot|can\s+not)\s+be\s+negative\b|\bno\s+luck\b"
    r"|\b(?:getting|going|leads?|lead\s+us)\s+(?:nowhere|in\s+circles)\b"
    rf"|{_THAT}\s+(?:is|was)n['’]t\s+{_REALLY}(?:right|correct|possible|allowed|valid|consistent"
    r"|what\s+(?:we|i)\s+(?:want|need))\b"
    rf"|{_THAT}\s+(?:can['’]t|cannot|can\s+not|couldn['’]t)\s+be"
    r"(?=\s*[.,;!]|\s+(?:right|correct|true|possible|so|it|the\s+case)\b)"
    r"|\b(?:does|did|do|will|would|can)(?:n['’]t|\s+not)\s+(?:quite\s+|really\s+|seem\s+to\s+)?"
    r"(?:work|make\s+(?:any\s+)?sense|satisfy|add\s+up|help)\b(?!\s+(?:out\s+)?(?:with|for|on|at)\b)"
    rf"|{_THAT}\s+(?:does|did|do|would)(?:n['’]t|\s+not)\s+{_REALLY}(?:fit|match|hold|agree"
    r"|(?:seem|look|sound|feel)\s+(?:right|correct|like))\b"
    rf"|\bmakes?\s+no\s+sense\b|{_THAT}\s+(?:{_REALLY})(?:fails?|contradicts?|leads?\s+(?:us\s+)?"
    r"(?:to\s+a\s+contradiction|nowhere))\b"
    r"|\bsomething(?:['’]s|\s+is|\s+must\s+be)\s+(?:wrong|off)\b|\bdead\s+end\b",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:if|unless|whether|whenever|when|suppose|assum\w+|what)\b", re.IGNORECASE
)
"""Before one of these words nothing is claimed."""
_CLAUSE = re.compile(
    r"[,;—–]\s+(?P<restart>(?:(?:no|but|oh)\W{1,2})?wait\s*[,.!?…—–]|hold\s+on\s*[,.!?…—–])"
    r"|[，；：、]\s*(?:(?P<dead>不对|不對|错了|不行|行不通|这是错的)|(?P<again>等等|等一下))",
    re.IGNORECASE,
)
"""What interrupts a sentence."""
_NUMBERED = re.compile(r"\s?[#>*_]*\s?(?:step|case|part)\s+\w{1,3}\b", re.IGNORECASE)
_ITEM = re.compile(r"\s?[#>*_]*\s?\d{1,3}[.)]\s")
_ANNOUNCES = re.compile(
    r"\bsteps?\b|\bbreak\b[^.]*\bdown\b|\bbreakdown\b|\banaly[sz]|\bapproach|\bcases?\b|\bsolve\b"
    r"|\bgo\s+through\b|\bproceed\b|步|分析|过程",
    re.IGNORECASE,
)
"""Before a list whose items are the steps of the thought, and not what they are about."""
_PLANS = re.compile(
    r"\bfollow\s+(?:these|the|this)\b|\b(?:these|following)\s+steps\b|\bplan\b", re.IGNORECASE
)
"""Before a list of steps that are only to come."""
_WORKS = re.compile(
    r"=|≈|\*\*|\\boxed|(?:所以|因此|共|剩|得|等于)[^。\n]*\d"
    r"|\b(?:so|thus|hence|therefore|which|that|gives?|makes?|leaves?|altogether|in\s+(?:all|total))\b[^.\n]*\d",
    re.IGNORECASE,
)
"""In an item of a list: it does its work, or is a heading, and does not only say what is given or
to be done."""
_LEADS_IN = re.compile(
    r"(?:now\W{1,3})?(?:let['’]s|let\s+us|let\s+me|we\s+(?:can|will|have|know)|from|here|given)\b",
    re.IGNORECASE,
)
_HEADING = re.compile(r"\s*(?:#{1,6}\s.*|\*\*[^*\n]+\*\*\W*)", re.DOTALL)
_FENCE = re.compile(r"\s*(?:[>*-]\s+)?(?:```|~~~)")
_NO_PROSE = re.compile(r"\s*(?:[-*+•]\s|[|\\$&=<]|\s{3,})")
"""Begins an item of a list, a row of a table, a formula, or what is indented."""
_WORD = re.compile(r"(?<![\\\w])[^\W\d_]{2,}")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_ORDERED = re.compile(
    r"(?:first|second|third|to\s+(?:begin|start)|next|then|now|finally|首先|然后|其次|最后)",
    re.IGNORECASE,
)
_LABEL = re.compile(r"\s*[^\W\d_]+(?:\s[^\W\d_]+){0,3}\s*[:：]")
_DIGIT = re.compile(r"\d")
_CLOSED = re.compile(r"[.!?…。！？✓✅)]\W{0,4}$")
_FORMULA_END = re.compile(r"(?:\\\]|\$\$|\d)\W{0,4}$")
_OPEN = re.compile(r"[:：]\W{0,4}$")
_FILLERS = re.compile(
    r"^(?:(?:okay|ok|alright|all\s+right|h+m+|well|so|now|then|and|but|right|oh)\b[,.!…]*\s+)+",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"[*_`#>]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}|\\[()\[\]]|\$")
_END_IN_TITLE = re.compile(r"[.!?](?= )|[。！？]")
_FIRST_MARKS = re.compile(r"^[\s>*#•–—-]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """A part of a thought, or the place where the final answer stands first."""

    kind: Kind
    start: int
    """Where it begins, in characters of the thought."""
    end: int
    title: str
    """Its first words. They are the model's: sanitise them before they are shown."""


def outline(thought: str, final: str | None = None, question: str = "") -> tuple[Entry, ...]:
    """Divides a whole thought.

    Args:
        thought: The thought.
        final: The reply's final answer, whose first place becomes an entry among the others.
        question: What was asked, by whose numbers an answer is told from what was given.
    """
    machine = Outline()
    machine.feed(thought)
    machine.close()
    return with_answer(machine.entries, thought, final, question)


class Outline:
    """Does what `outline` does to a thought that comes in chunks, however it is cut.

    A part is told as soon as its first sentence is complete; an item of a list, and words that may
    lead to one, once the next line has begun. The work is constant a character.
    """

    def __init__(self) -> None:
        self._done: list[Entry] = []
        self._part: _Part | None = None
        """What is being written; None before the first."""
        self._held: _Held | None = None
        """What may be another part, by what comes below it."""
        self._text = ""
        """The sentence so far; of one that was looked at only what may be a part of its end."""
        self._at = 0
        """Where `_text` stands in the whole."""
        self._looked = False
        self._before = _Before()
        self._paragraph = 0
        self._sentence = 0

    @property
    def length(self) -> int:
        """Characters so far."""
        return self._at + len(self._text)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The parts so far, in order; the last one ends where the text does."""
        return tuple(self.since(0))

    @property
    def settled(self) -> int:
        """How many of the parts are complete: whatever comes, they stay as they are."""
        return len(self._done)

    def since(self, number: int) -> list[Entry]:
        """The parts from one on, at a cost that depends on them alone."""
        last = [] if self._part is None else [self._part.entry(self.length)]
        return [*self._done[number:], *last]

    def feed(self, text: str) -> None:
        """Takes the next chunk."""
        self._text = text = self._text + text
        start = search = 0
        while found := _SENTENCE_END.search(text, search):
            search = found.end()
            is_break = text[found.start()] == "\n"
            if not (is_break or self._looked) and _NO_SENTENCE.fullmatch(text, start, search):
                continue
            if not self._looked:
                self._look(text[start : min(search, start + WINDOW)], self._at + start)
            self._before.end(text[max(start, search - _LONGEST_END) : search], is_break=is_break)
            self._looked = False
            start = search
        if not self._looked and len(text) - start >= WINDOW:
            self._look(text[start : start + WINDOW], self._at + start)
            self._looked = True
        self._grow(text)
        if self._looked:
            start = max(start, len(text) - _LONGEST_END)
        self._text = text[start:]
        self._at += start

    def close(self) -> None:
        """Takes the last sentence for complete."""
        if not self._looked:
            self._look(self._text, self._at)
            self._looked = True
            self._grow(self._text)
        self._decide("")

    def _grow(self, text: str) -> None:
        if self._part is not None:
            self._part.grow(text, self._at)
        if self._held is not None:
            self._held.part.grow(text, self._at)

    def _look(self, text: str, at: int) -> None:
        """Looks at the beginning of a sentence."""
        before = self._before
        if before.breaks and _FENCE.match(text):
            self._confirm()
            before.code = not before.code
            before.fence = not before.code
            return
        if before.code or not text.strip():
            return
        self._sentence += 1
        self._paragraph += before.breaks > 1
        self._decide(text)
        kind = _kind_of(text)
        start = at + len(text) - len(text.lstrip())
        if kind is not None:
            self._confirm()
            self._begin(kind, start)
        elif before.breaks and self._begins_step(text, at):
            self._held = self._may_be_none(text, start)
            if self._held is None:
                self._begin("step", start)
        clause = _CLAUSE.search(text)
        if clause is not None:
            self._confirm()
            self._begin(
                "dead end" if clause["dead"] else "restart",
                at + clause.start(clause.lastgroup or 0),
            )
        if before.breaks:
            before.heading = _HEADING.fullmatch(text) is not None
            before.numbered = _is_item(text)
            before.item = _ITEM.match(text) is not None or _NO_PROSE.match(text) is not None
            before.fence = False
        if not before.item:
            before.plan = _PLANS.search(text) is not None
            announces = _ANNOUNCES.search(text) is not None and not before.plan
            before.steps = announces or _OPEN.search(text.rstrip()) is None

    def _begins_step(self, text: str, at: int) -> bool:
        """Whether a line, which its first words call nothing else, is a step of its own."""
        before, part = self._before, self._part
        first = _leading(text)
        has_words = _CJK.search(text) or _WORD.search(text)
        if part is None or (_NUMBERED.match(text)):
            return True
        if _ITEM.match(text):
            return before.steps or (before.plan and _OPEN.search(text.rstrip()) is not None)
        if text.startswith("#") and has_words:
            return True
        brief = part.kind == "step" and at - part.start <= _BRIEF
        if before.heading or brief or _NO_PROSE.match(text):
            return False
        is_paragraph = before.breaks > 1 or before.fence
        if not has_words:
            begins = is_paragraph and before.closed and text.rstrip().endswith((".", "。"))
        elif before.open and not text[first : first + 1].isupper():
            begins = is_paragraph and _ORDERED.match(text, first) is not None
        elif not is_paragraph and before.spaced:
            # The thought sets its paragraphs apart: a line is a part of one.
            begins = False
        elif _LABEL.match(text):
            begins = True
        elif text[first : first + 1].islower():
            begins = is_paragraph and before.closed
        else:
            ended = before.closed or before.formula
            begins = is_paragraph or (ended and not text[first : first + 1].isdigit())
        return begins

    def _may_be_none(self, text: str, start: int) -> _Held | None:
        """What begins a step only if what comes below it says so; None where it surely does."""
        if self._part is None:
            return None
        is_item = _is_item(text)
        leads_in = (
            _OPEN.search(text.rstrip()) is not None
            and _DIGIT.search(text) is None
            and _LEADS_IN.match(text, _leading(text)) is not None
        )
        if not is_item and not leads_in:
            return None
        part = _Part("step", start, self._paragraph, self._sentence)
        below = self._before.numbered and self._before.breaks == 1
        works = is_item and _WORKS.search(text) is not None
        return _Held(part, is_item, works, is_item and below)

    def _decide(self, text: str) -> None:
        """Decides by what comes next, nothing at the end, whether what is held is a part.

        Of items that stand right below one another only those that do their work are steps; and
        words that only lead to a list are none.
        """
        held, before = self._held, self._before
        if held is None:
            return
        if text and not before.breaks:
            # An item that has more to say than one sentence does its work.
            held.works = True
            return
        follows = _is_item(text)
        if held.is_item:
            listed = held.is_listed or (follows and before.breaks == 1)
            needed = held.works or not listed or _NO_PROSE.match(text) is not None
        else:
            needed = not follows and _HEADING.fullmatch(text) is None
        if needed:
            self._confirm()
        self._held = None

    def _confirm(self) -> None:
        """Takes what is held for a part."""
        held, part = self._held, self._part
        self._held = None
        if held is None:
            return
        start = held.part.start
        if part is not None:
            part.grow(self._text, self._at)
            if start - part.start <= _BRIEF and not _DIGIT.search(part.head[: start - part.start]):
                return
            self._done.append(part.entry(start))
        self._part = held.part

    def _begin(self, kind: Kind, start: int) -> None:
        """Ends a part and begins another, unless the one that is there goes on in the same way."""
        part = self._part
        if part is not None:
            if kind == part.kind != "step":
                is_next = self._sentence <= part.sentence + 1
                if is_next or (kind == "check" and self._paragraph == part.paragraph):
                    return
            part.grow(self._text, self._at)
            if start - part.start <= _BRIEF and not _DIGIT.search(part.head[: start - part.start]):
                # "Hmm. Wait, …", and "Wait. That's wrong."
                if part.kind == "step":
                    part.kind, part.sentence = kind, self._sentence
                return
            self._done.append(part.entry(start))
        self._part = _Part(kind, start, self._paragraph, self._sentence)


@dataclass(slots=True)
class _Before:
    """What stands before a sentence."""

    breaks: int = 2
    """Line breaks between it and the last words."""
    closed: bool = True
    """Whether the line above ends a sentence."""
    formula: bool = False
    """Whether the line above ends a formula."""
    open: bool = False
    """Whether the line above ends in a colon."""
    heading: bool = False
    """Whether the line above is a heading."""
    spaced: bool = False
    """Whether the thought has blank lines outside of code."""
    code: bool = False
    fence: bool = False
    """Whether the line above ends code."""
    item: bool = False
    """Whether the line is an item of a list, or a formula."""
    numbered: bool = False
    """Whether the line is an item that has a number."""
    steps: bool = True
    """Whether the items of a list would be steps, by what leads to them."""
    plan: bool = False
    """Whether the items of a list would be steps that are only to come."""

    def end(self, tail: str, *, is_break: bool) -> None:
        """Takes the end of a sentence."""
        words = tail.strip()
        if words:
            self.closed = _CLOSED.search(words) is not None
            self.formula = _FORMULA_END.search(words) is not None
            self.open = _OPEN.search(words) is not None
            self.breaks = 0
        self.breaks += is_break
        self.spaced = self.spaced or (self.breaks > 1 and not self.code)


@dataclass(slots=True)
class _Part:
    """A part that is being written."""

    kind: Kind
    start: int
    paragraph: int
    sentence: int
    """The number of its first sentence."""
    head: str = ""
    """Its first characters."""

    def grow(self, text: str, at: int) -> None:
        """Takes from a piece of the thought what the head lacks."""
        missing = self.start + len(self.head) - at
        if len(self.head) < _HEAD and 0 <= missing < len(text):
            self.head += text[missing : missing + _HEAD - len(self.head)]

    def entry(self, end: int) -> Entry:
        """The part as it stands if it ends there."""
        return Entry(self.kind, self.start, end, _title(self.head[: end - self.start]))


@dataclass(slots=True)
class _Held:
    """What may be a part."""

    part: _Part
    is_item: bool
    """Whether it is an item of a list, and not words that may lead to one."""
    works: bool
    """Whether it does its work."""
    is_listed: bool
    """Whether another item stands right above it."""


def with_answer(
    entries: Sequence[Entry], thought: str, final: str | None, question: str = ""
) -> tuple[Entry, ...]:
    """Adds the place where the final answer stands first.

    Args:
        entries: The parts of the thought.
        thought: The thought.
        final: The final answer.
        question: What was asked.
    """
    place = None if final is None else first_place(thought, final, question)
    if place is None:
        return tuple(entries)
    start, end = place
    at = bisect_right([each.start for each in entries], start)
    return (*entries[:at], Entry("answer", start, end, _title(thought[start:end])), *entries[at:])


def _kind_of(text: str) -> Kind | None:
    """What a sentence calls itself, by its first words; None where it is none of the kinds."""
    first = _leading(text)
    if _CHECK.match(text, first):
        return "check"
    if _DEAD_LEADING.match(text, first):
        return "dead end"
    dead = _DEAD.search(text, first)
    if dead is not None:
        is_question = text.rstrip().endswith(("?", "？"))
        if not is_question and not _SUPPOSED.search(
            text, max(first, dead.start() - _BEFORE), dead.start()
        ):
            return "dead end"
    return "restart" if _RESTART.match(text, first) else None


def _is_item(text: str) -> bool:
    """Whether a line has a number, as an item of a list or a step has."""
    return _ITEM.match(text) is not None or _NUMBERED.match(text) is not None


def _leading(text: str) -> int:
    """How long the marks and numbers are that a sentence begins with."""
    found = _LEADING.match(text)
    return 0 if found is None else found.end()


def _title(head: str) -> str:
    """Makes a title of the first words of a part."""
    text = head.lstrip()
    # A line that is only a heading, or "Okay.", says more with the next.
    line, _, rest = text.partition("\n")
    if len(line) <= _BRIEF:
        line += " " + rest.lstrip().partition("\n")[0]
    line = " ".join(_MARKUP.sub("", _FIRST_MARKS.sub("", line, count=1)).split())
    short = _FILLERS.sub("", line, count=1)
    if _BRIEF < len(short) < len(line):
        line = short[0].upper() + short[1:]
    end = _END_IN_TITLE.search(line, _SHORTEST_TITLE)
    line = line if end is None else line[: end.start() + 1]
    if len(line) <= LONGEST_TITLE:
        return line
    words = line[:LONGEST_TITLE].rpartition(" ")[0]
    if len(words) <= LONGEST_TITLE // 2:
        words = line[: LONGEST_TITLE - 1]
    return words.rstrip(" ,;:.-") + "…"
