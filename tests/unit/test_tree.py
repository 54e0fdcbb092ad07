"""A thought is written once, and others branch off from where the model was at a loss."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from r1chat.engine.fake import FakeEngine, Pause
from r1chat.events import Drawing, Fork, Forked, Notice, Reply, Sampled, TokenScore
from r1chat.output import document
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.reasoning.forks import LEAST_ENTROPY, MOST_PLACES, places
from r1chat.session import Session

TRUNK = ["One ", "two ", "three.\n", "Four ", "five ", "six.\n", "</think>", r"\boxed{7}"]
PIECES = ("a ", "b. ", "\n", "Wait", ".\n\n", "3.", "。")
AT = len("One two three.\n")


def way(final: str, *before: object) -> list[object]:
    return ["Seven ", "eight ", "nine.\n", *before, "</think>", rf"\boxed{{{final}}}"]


def grown(session: Session, samples: int, **options: object):
    events = list(session.consensus("?", samples=samples, tree=True, **options))
    assert isinstance(events[-1], Reply)
    return events, events[-1]


def test_the_others_go_on_from_the_place_and_all_of_them_vote():
    engine = FakeEngine(TRUNK, way("8"), way("8"), way("7"), lanes=3)
    session = Session(engine)
    control = Control()
    events, reply = grown(session, 4, control=control)
    assert [each.final for each in reply.samples] == ["7", "8", "8", "7"]
    # Of equals the one that came first.
    assert reply.final == "7"
    assert reply.votes == (("7", 2), ("8", 2))
    assert reply.samples[0].thought.startswith("One two three.\nFour")
    assert reply.samples[0].receipt.fork is None
    for sample in reply.samples[1:]:
        assert sample.thought == "One two three.\nSeven eight nine.\n"
        assert sample.receipt.fork == Fork(AT, 3, 0.5)
        assert sample.receipt.samples == 4
    (node,) = session.conversation.path()
    assert [each.turn.reply.final for each in node.siblings] == ["7", "8", "8", "7"]
    # Nobody went back to a place: r1chat chose it.
    assert not any(each.turn.origin.acts for each in node.siblings)
    # What was measured for the places is not shown to those who did not ask for it.
    assert not any(isinstance(getattr(each, "event", None), TokenScore) for each in events)
    assert not any(each.scores or each.receipt.confidence.thought for each in reply.samples)
    assert control.measures is False
    assert document(reply, engine.info, "?")["receipt"]["forks"] == [
        {
            "at": AT,
            "entropy": 0.5,
            "samples": (1, 2, 3),
            "shared_tokens": 3,
            # Three of the thought, and what fake models write as one token of an answer.
            "drawn_tokens": 12,
            "votes": {"8": 2, "7": 1},
        }
    ]
    told = [each for each in events if isinstance(each, Sampled) and isinstance(each.event, Forked)]
    assert [(each.sample, each.event.at) for each in told] == [(1, AT), (2, AT), (3, AT)]
    # Seeds follow one another, so that one gives the same tree again.
    first, others = engine.requests[0], engine.requests[1]
    assert others.sampling.seed == reply.samples[0].receipt.seed + 1
    assert first.messages == others.messages


def test_a_thought_that_was_sure_everywhere_stands_alone():
    engine = FakeEngine(["A ", "word.\n", "</think>", r"\boxed{7}"])
    events, reply = grown(Session(engine), 8)
    assert len(engine.requests) == 1
    assert [each.samples for each in events if isinstance(each, Drawing)] == [1]
    assert any("nothing branches off" in each.text for each in events if isinstance(each, Notice))
    assert (len(reply.samples), reply.receipt.samples, reply.final) == (1, 1, "7")


def test_stopping_keeps_what_there_is_at_any_time():
    for stopped_in in ("first", "others"):
        engine = FakeEngine(TRUNK, way("8"), way("8", Pause(1)), sleep=lambda _: None, lanes=1)
        session, control = Session(engine), Control()
        for event in session.consensus("?", samples=3, tree=True, control=control):
            if not isinstance(event, Sampled):
                continue
            begun = event.sample == 0 and stopped_in == "first"
            over = event.sample == 1 and isinstance(event.event, Reply)
            if begun or over:
                control.cancel()
        assert isinstance(event, Reply)
        (node,) = session.conversation.path()
        if stopped_in == "first":
            assert len(event.samples) == 1
            assert event.receipt.ended_by == node.turn.reply.receipt.ended_by == "cancelled"
            assert [act.kind for act in node.turn.origin.acts] == ["stop"]
        else:
            assert [each.receipt.ended_by for each in event.samples] == [
                "natural",
                "natural",
                "cancelled",
            ]
            assert event.votes == (("7", 1), ("8", 1))
            assert len(node.siblings) == 2


def test_a_budget_without_thoughts_has_no_place_to_branch_off():
    session = Session(FakeEngine(["</think>", r"\boxed{7}"]))
    events, reply = grown(session, 4, control=Control(Budget(tokens=0)))
    assert len(reply.samples) == 1
    assert any("there is no thought" in each.text for each in events if isinstance(each, Notice))


@given(
    st.lists(
        st.tuples(st.sampled_from(PIECES), st.floats(0, 5)),
        max_size=40,
    ),
    st.integers(1, 5),
)
def test_places_are_beginnings_of_steps_the_most_open_first(written, most):
    thought, tokens = "", []
    for text, entropy in written:
        tokens.append((len(thought), entropy))
        thought += text
    found = places(thought, tokens, most)
    assert len(found) <= most
    assert len({each.at for each in found}) == len(found)
    assert [each.entropy for each in found] == sorted((e.entropy for e in found), reverse=True)
    starts = {at for at, _ in tokens}
    for each in found:
        assert each.at in starts
        # Words of r1chat's may open a thought: where the model began is no place.
        assert each.at > tokens[0][0]
        assert each.entropy >= LEAST_ENTROPY
        before = thought[: each.at]
        assert before.endswith("\n") or before.rstrip(" ").endswith((".", "。"))
        # They do not depend on how many are wanted.
    assert found == places(thought, tokens, 40)[:most]
    assert MOST_PLACES >= 1
