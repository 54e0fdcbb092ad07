"""Measures whether a fact from the first turn survives a full context: dropped and summarised.

Each conversation begins with a fact, goes on with answered questions about other things until the
context is full, and ends with a question about the fact. The same conversation is put twice: with
`full_context` "drop" and with "summarise". The turns before the last are given, not generated, so
that both read the same; summaries and last answers are the model's.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from r1chat.conversation import Conversation, Turn
from r1chat.engine.base import Sampling
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.events import FullContext, LeftOut, Notice, Receipt, Reply, Summarised
from r1chat.reasoning.budget import Budget
from r1chat.session import Session

FACTS = (
    ("My dog is called Biscuit.", "What is my dog called?", "Biscuit"),
    ("My sister Helena lives in Lisbon.", "In which city does my sister live?", "Lisbon"),
    ("The meeting is on 14 March.", "On which day is the meeting?", "14"),
    ("My locker has the number 4821.", "Which number has my locker?", "4821"),
    ("I am allergic to peanuts.", "What am I allergic to?", "peanut"),
    ("My favourite colour is turquoise.", "What is my favourite colour?", "turquoise"),
    ("I work as a beekeeper.", "What do I work as?", "beekeeper"),
    ("Our budget is 3,500 euros.", "How much is our budget?", "3,500"),
    ("The project is named Kestrel.", "What is the name of the project?", "Kestrel"),
    ("My train leaves at 17:45.", "When does my train leave?", "17:45"),
    ("My brother plays the oboe.", "Which instrument does my brother play?", "oboe"),
    ("I was born in Tromsø.", "Where was I born?", "Troms"),
)
"""What is said, what is asked in the end, and what stands in a right answer."""
_OTHERS = """
Why is the sky blue? | Sunlight has all colours. Air molecules scatter short waves, such as blue,
far more than long ones, such as red, so that blue light reaches us from every direction. At
sunset the light goes a longer way through the air, most of the blue is lost on it, and red is
left.

How do I sort a list in Python without changing it? | Use the function sorted, which returns a new
list: numbers = sorted(values). The method values.sort() changes the list itself. Both take key, a
function that gives what to compare, and reverse=True for the other order. Sorting is stable in
both cases.

What is the difference between a lake and a pond? | There is no sharp border. Ponds are small and
shallow enough for light to reach the bottom everywhere, so that plants can grow in all of them.
Lakes are larger and deeper, have layers of different temperature in summer, and waves on their
shores.

How does bread rise? | Yeast eats the sugars of the flour and gives off carbon dioxide. The gas is
caught in a net of gluten, which forms when the dough is kneaded, and lets it grow. In the oven
the gas expands once more before the crust sets and the starch becomes firm.

Explain what a hash table is. | A hash table keeps values under keys. A function turns each key
into a number, and that number says in which slot of an array the value is. Two keys may lead to
the same slot, which is solved by a short list there or by looking at the next slot. Look-ups take
constant time on average.

Why do leaves change their colour in autumn? | Trees break the green chlorophyll down before
winter and take its nitrogen back. Yellow and orange pigments, which were there all summer, become
visible. Red ones are made anew in some species from sugars that are left in the leaf.

What does HTTP status 404 mean? | It says that the server was reached but has nothing under the
address that was asked for. Often the address has a typing mistake, or the page was moved. A 410
says that it is gone for good, and a 403 that it exists but may not be seen.

How far away is the Moon? | On average 384,400 kilometres from the centre of the Earth to that of
the Moon. Its orbit is an ellipse, so that the distance goes from about 356,500 to 406,700
kilometres. Light takes about 1.3 seconds for the way.
"""
OTHERS = [" ".join(each.split()).split(" | ") for each in _OTHERS.split("\n\n")]
"""Questions about other things, with their answers."""


def conversation(fact: str, tokens: int, seed: int) -> Conversation:
    """A conversation that begins with a fact and is about so many tokens long."""
    made = Conversation()
    made.add(Turn(f"{fact} Please remember that.", _said("I will remember that.")))
    others = list(OTHERS)
    random.Random(seed).shuffle(others)
    size, at = 0, 0
    while size < tokens * 4.5:
        question, answer = others[at % len(others)]
        made.add(Turn(question, _said(answer)))
        size, at = size + len(question) + len(answer), at + 1
    return made


def _said(answer: str) -> Reply:
    return Reply("", answer, Receipt())


def ask(
    engine: LlamaEngine, made: Conversation, question: str, way: FullContext, *, verbose: bool
) -> tuple[str, Summarised | None]:
    """The answer in the end, and what was summed up before it."""
    session = Session(engine, conversation=made, prepare=False)
    summary, left_out, answer = None, False, ""
    for event in session.ask(
        question,
        budget=Budget(tokens=0),
        sampling=Sampling(temperature=0, seed=1),
        max_answer=60,
        full_context=way,
    ):
        if isinstance(event, Summarised):
            summary = event
        elif isinstance(event, LeftOut):
            left_out = True
        elif isinstance(event, Notice):
            print(f"      note: {event.text}")
        elif isinstance(event, Reply):
            answer = event.answer
    assert left_out or summary, "the context was not full"
    if verbose:
        print(f"      {way}: {answer!r}, summary: {summary.text if summary else None!r}")
    return answer, summary


def main() -> int:
    """Prints a line for each conversation, and the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a GGUF file")
    parser.add_argument("--ctx", type=int, default=1024)
    parser.add_argument("--count", type=int, default=len(FACTS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--verbose", action="store_true", help="print summaries and answers")
    args = parser.parse_args()
    engine = LlamaEngine(args.model, options=LoadOptions(ctx=args.ctx, threads=args.threads))
    ways: tuple[FullContext, ...] = ("drop", "summarise")
    right, summaries = dict.fromkeys(ways, 0), []
    for seed, (fact, question, key) in enumerate(FACTS[: args.count]):
        said = []
        for way in ways:
            made = conversation(fact, args.ctx, seed)
            answer, summary = ask(engine, made, question, way, verbose=args.verbose)
            found = key.casefold() in answer.casefold()
            right[way] += found
            said.append(f"{way}: {'right' if found else 'lost'}")
            summaries += [summary] if summary else []
        print(f"{seed + 1:3} {key:12} {', '.join(said)}", flush=True)
    engine.close()
    count, made = min(args.count, len(FACTS)), max(1, len(summaries))
    print(
        f"{args.model.name}, {args.ctx} tokens of context: right with drop {right['drop']} of "
        f"{count}, with summarise {right['summarise']} of {count}; {len(summaries)} summaries of "
        f"{sum(each.tokens for each in summaries) / made:.0f} tokens for "
        f"{sum(each.replaced for each in summaries) / made:.0f}, "
        f"{sum(each.seconds for each in summaries) / made:.1f} s each"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
