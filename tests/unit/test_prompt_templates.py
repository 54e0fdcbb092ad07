"""Chat templates are programs by strangers: they are rendered, or refused, within limits."""

from __future__ import annotations

import json

import pytest

from r1chat.prompt import templates
from r1chat.prompt.switches import tellings
from r1chat.prompt.templates import MEMORY, Rendering, TemplateError

QUESTION = "{{ messages[-1].content }}"


def render(template: str, *roles: str, think: bool = True) -> Rendering:
    told = next(tellings(template, think=think))
    return templates.render(template, roles or ("user",), told=told, bos="<s>", eos="</s>")


HOSTILE = {
    "a text of 300 MB": "{{ 'a' * 300000000 }}",
    "a text of 60 MB": "{{ 'a' * 60000000 }}",
    "a huge range": "{% for i in range(10**9) %}x{% endfor %}",
    "nested loops": "{% for i in range(9**5) %}{% for j in range(9**5) %}{% endfor %}{% endfor %}",
    "a macro that calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a huge power": "{{ 9 ** (9 ** 9) }}",
    "padding by a filter": "{{ 'a' | center(10 ** 10) }}",
    "padding by a format": "{{ '{:>9999999999}'.format(1) }}",
    "doubling": "{% set n = namespace(x='a') %}{% for i in range(60) %}"
    "{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
    "deep nesting of brackets": "{{" + "(" * 100_000 + "1" + ")" * 100_000 + "}}",
    "deep nesting of blocks": "{% if 1 %}" * 5000 + "{% endif %}" * 5000,
    "long output": "{% for i in range(99999) %}aaaaaaaaaaaaaaaaaaaaaaaa{% endfor %}",
    "a way out of the sandbox": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "a file": "{% include '/etc/passwd' %}",
    "a length above the limit": "{#" + "x" * templates.MAX_TEMPLATE + "#}",
    "a syntax error": "{% if %}",
    "nothing": "",
    "no question": "{{ bos_token }}",
    "a forged slot": "{{ 'R1slot9to' ~ 'ls1R' }}",
    "a written slot": "R1slot0tols1R",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_template_is_refused(name: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(
            HOSTILE[name] + QUESTION if name not in {"nothing", "no question"} else HOSTILE[name]
        )
    message = str(caught.value)
    assert message
    assert message.isprintable()
    assert len(message) <= 200


def test_no_hostile_template_takes_much_memory(run_python) -> None:
    # In an interpreter of its own, whose only children are those that render.
    code = (
        "import json, resource, sys\n"
        "from r1chat.prompt import templates\n"
        "for text in json.loads(sys.argv[1]):\n"
        "    try:\n"
        "        templates.render(text, ('user',), bos='', eos='')\n"
        "        print('rendered')\n"
        "    except templates.TemplateError:\n"
        "        pass\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    greedy = [HOSTILE["a text of 300 MB"], HOSTILE["doubling"], HOSTILE["long output"]]
    done = run_python("-c", code, json.dumps([text + QUESTION for text in greedy]))
    (peak,) = done.stdout.split()
    assert int(peak) * 1024 < 2 * MEMORY


def test_an_endless_template_is_not_tried_twice() -> None:
    loops = HOSTILE["nested loops"] + "{# once #}" + QUESTION
    for roles in (("user",), ("user", "assistant", "user")):
        with pytest.raises(TemplateError, match="too long"):
            render(loops, *roles)
    assert loops in templates._refused


def test_what_a_template_raises_is_cleaned() -> None:
    with pytest.raises(TemplateError, match=r"^it fails: one two$"):
        render("{{ raise_exception('one\n\x1b[31mtwo\x1b]0;x\x07') }}")


def test_messages_become_slots() -> None:
    template = (
        "{{ bos_token }}{% for m in messages %}"
        "[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}"
    )
    rendering = render(template, "system", "user")
    assert rendering.items == ("<s>[system]", 0, "</s>[user]", 1, "</s>")
    assert not rendering.merged


def test_a_content_may_be_trimmed_split_and_quoted() -> None:
    template = "{{ messages[0]['content'].strip().split('</think>')[-1] | trim }}"
    assert render(template).items == (0,)
    assert render("{{ messages[0].content | tojson }}").items == ('"', 0, '"')


def test_blocks_are_trimmed_as_in_transformers() -> None:
    assert render("{% if true %}\na\n    {% endif %}\n" + QUESTION).items == ("a\n", 0)


def test_break_and_generation_are_known() -> None:
    template = (
        "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}"
        "{% break %}{% endfor %}"
    )
    assert render(template).items == (0,)


def test_tojson_leaves_letters_alone() -> None:
    template = "{{ {'b': 'é<', 'a': 1} | tojson }}" + QUESTION
    assert render(template).items == ('{"b": "é<", "a": 1}', 0)


def test_the_date_is_known() -> None:
    assert render("{{ strftime_now('%%') }}" + QUESTION).items == ("%", 0)


@pytest.mark.parametrize("think", [True, False])
def test_the_template_is_told_whether_to_think(think: bool) -> None:
    template = QUESTION + "{{ enable_thinking }}"
    assert render(template, think=think).items == (0, str(think))


def test_contents_come_as_parts_where_a_template_insists() -> None:
    assert render("{{ messages[0].content[0]['text'] }}").items == (0,)


def test_a_template_that_refuses_a_system_role_is_asked_without() -> None:
    template = (
        "{% if messages[0].role != 'user' %}{{ raise_exception('roles') }}{% endif %}"
        "{% for m in messages %}{{ m.role }}:{{ m.content }} {% endfor %}"
    )
    rendering = render(template, "system", "user", "assistant", "user")
    assert rendering.items == ("user:", 1, " assistant:", 2, " user:", 3, " ")
    assert rendering.merged


def test_a_template_may_expect_that_tools_are_not_even_named() -> None:
    template = "{% for tool in tools %}{% endfor %}" + QUESTION
    assert render(template).items == (0,)


def test_a_broken_interpreter_costs_the_template_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.executable", "/nonexistent/python")
    with pytest.raises(TemplateError, match="no process could be started"):
        render(QUESTION + "{# elsewhere #}")
