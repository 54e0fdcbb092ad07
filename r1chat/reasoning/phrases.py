"""The words that r1chat writes into a thought. The built-in model is trained on them too."""

from __future__ import annotations

from r1chat.reasoning.formats import THINK

OPEN, CLOSE = THINK.opens[0], THINK.closes[0]

FINISHED = "Okay, I think I have finished thinking."
"""The whole thought where the budget is off (Ma et al. 2025, "Reasoning models can be effective
without thinking")."""

LANDING = "I have to stop thinking now and give my answer."
"""Closes a thought that has used up its budget. A closing sentence costs less accuracy than a
bare cut."""

STEPS_BOXED = r"Please reason step by step, and put your final answer within \boxed{}."
"""What DeepSeek advises to say where mathematics is asked."""
THINK_FIRST = "Think first, and write your answer to me after {}."
"""Stands behind a question where a model that does not think by itself is asked to, with what
closes its thought."""
THINK_FIRST_BRIEF = "Think first, in a few short lines, and write your answer to me after {}."
"""The same where there are few tokens for it."""

BRIEF = "Think in short lines, one step a line, without explanations."
"""Stands behind the question where a model that was not made to think has few tokens for it:
docs/thinking.md has the figures."""
BRIEF_BELOW = 192
"""Tokens of budget up to which a thought in full sentences comes to no result."""

WAIT = "\nWait,"
"""Stands in for the end of thinking where more of it is wanted (Muennighoff et al. 2025, "s1")."""

CORRECTION = "Wait, let me check that: {left} is not {value}.\n\nCorrection: {left} = {true}.\n\n"
"""Goes on behind a wrong sum. Told only what is not so, a small model finds no other value, and
told both in one sentence it begins anew: docs/benchmarks.md has the figures."""

ANSWER = "**Final Answer**\n"
"""Begins the answer where the model would not. R1 models write it themselves."""
OPEN_ANSWER = "**Answer**\n\n"
"""The same where nobody asked for a final answer: behind it a model writes more than a sentence."""

BOX, BOX_END = "\\boxed{", "}"
"""Goes on with it where the final answer should stand in a box, and what closes that."""
