"""What servers of many makes send for the same chat, as their sources and documentation have it.

Each gives the bytes of a whole stream in which a model thinks "hm yes" and answers "It is 42".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

THOUGHT = ("hm", " yes")
ANSWER = ("It", " is", " 42")
DONE = b"data: [DONE]\n\n"


def sent(value: Any, end: str = "\n\n", name: str = "data: ") -> bytes:
    """An event."""
    return f"{name}{json.dumps(value)}{end}".encode()


def chunk(delta: Any, finish: Any = None, **more: Any) -> dict[str, Any]:
    """A piece of a chat."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {"id": "c-1", "object": "chat.completion.chunk", "choices": [choice], **more}


def pieces(field: str, *, finish: str = "stop", **more: Any) -> list[dict[str, Any]]:
    """A chat whose thought comes in a field of its own."""
    return [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({field: each, **more}) for each in THOUGHT),
        *(chunk({"content": each}) for each in ANSWER),
        chunk({}, finish),
    ]


def stream(values: Iterable[Any], *, end: str = "\n\n", name: str = "data: ") -> bytes:
    """Events, and the last."""
    return b"".join(sent(value, end, name) for value in values) + DONE


def llama_server() -> bytes:
    timings = {"cache_n": 0, "prompt_n": 9, "predicted_n": 5}
    values = pieces("reasoning_content")
    return stream([*values[:-1], values[-1] | {"timings": timings}])


def llama_cpp_python() -> bytes:
    text = ("<think>", *THOUGHT, "</think>", *ANSWER)
    values = [chunk({"role": "assistant"}), *(chunk({"content": each}) for each in text)]
    # sse-starlette ends lines with both, and pings.
    return b": ping - 2026-11-28\r\n\r\n" + stream([*values, chunk({}, "stop")], end="\r\n\r\n")


def vllm() -> bytes:
    both = [chunk({"reasoning": each, "reasoning_content": each}) for each in THOUGHT]
    answer = [chunk({"content": each}) for each in ANSWER]
    last = chunk({"content": ""}, "stop")
    last["choices"][0]["stop_reason"] = 151643
    usage = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}}
    return stream([*both, *answer, last, usage])


def sglang() -> bytes:
    values = [chunk({"reasoning_content": each, "content": None}) for each in THOUGHT]
    values += [chunk({"reasoning_content": None, "content": each}) for each in ANSWER]
    last = chunk({"content": None}, "stop")
    last["choices"][0]["matched_stop"] = 151643
    return stream([*values, last])


def ollama() -> bytes:
    thought = [chunk({"role": "assistant", "content": "", "reasoning": each}) for each in THOUGHT]
    answer = [chunk({"role": "assistant", "content": each}) for each in ANSWER]
    return stream([*thought, *answer, chunk({"role": "assistant", "content": ""}, "stop")])


def lm_studio() -> bytes:
    return stream(pieces("reasoning_content"))


def openrouter() -> bytes:
    thought = [
        chunk(
            {
                "role": "assistant",
                "content": "",
                "reasoning": each,
                "reasoning_details": [{"type": "reasoning.text", "text": each, "index": 0}],
            }
        )
        for each in THOUGHT
    ]
    answer = [chunk({"role": "assistant", "content": each}) for each in ANSWER]
    last = chunk({"role": "assistant", "content": ""}, "stop")
    last["choices"][0]["native_finish_reason"] = "end_turn"
    return b": OPENROUTER PROCESSING\n\n" + stream([*thought, *answer, last])


def openrouter_details_alone() -> bytes:
    def detail(kind: str, **words: str) -> dict[str, Any]:
        return chunk({"content": "", "reasoning_details": [{"type": f"reasoning.{kind}", **words}]})

    thought = [
        detail("summary", summary="hm"),
        detail("text", text=" yes"),
        detail("encrypted", data="bm8="),
    ]
    return stream([*thought, *(chunk({"content": each}) for each in ANSWER), chunk({}, "stop")])


def litellm() -> bytes:
    thought = [
        chunk(
            {
                "reasoning_content": each,
                "thinking_blocks": [{"type": "thinking", "thinking": each, "signature": None}],
                "provider_specific_fields": {"thinking_blocks": [{"thinking": each}]},
            }
        )
        for each in THOUGHT
    ]
    return stream([*thought, *(chunk({"content": each}) for each in ANSWER), chunk({}, "stop")])


def tgi() -> bytes:
    values = [chunk({"role": "assistant", "content": "<think>hm yes</think>It"})]
    values += [chunk({"role": "assistant", "content": each}) for each in ANSWER[1:]]
    # No space behind the colon, and the finish with the last word.
    values[-1]["choices"][0]["finish_reason"] = "eos_token"
    return stream(values, name="data:")


def deepseek() -> bytes:
    values = [chunk({"content": None, "reasoning_content": each}) for each in THOUGHT]
    values += [chunk({"content": each, "reasoning_content": None}) for each in ANSWER]
    usage = {"prompt_tokens": 9, "completion_tokens": 5}
    last = chunk({"content": "", "reasoning_content": None}, "stop", usage=usage)
    return b": keep-alive\n\n" * 3 + stream([*values, last])


def mistral() -> bytes:
    def thinking(text: str) -> dict[str, Any]:
        parts = [{"type": "text", "text": text}]
        return chunk({"content": [{"type": "thinking", "thinking": parts, "closed": True}]})

    values = [chunk({"role": "assistant", "content": ""}), *map(thinking, THOUGHT)]
    values.append(chunk({"content": [{"type": "text", "text": "It"}]}))
    values += [chunk({"content": each}) for each in ANSWER[1:]]
    return stream([*values, chunk({"content": ""}, "stop")])


def text_generation_webui() -> bytes:
    """It says every piece twice, as the older of its versions do."""
    values = []
    for text in ("<think>", *THOUGHT, "</think>", *ANSWER):
        value = chunk({"role": "assistant", "content": text})
        value["choices"][0]["message"] = {"role": "assistant", "content": text}
        values.append(value)
    return stream([*values, chunk({"role": "assistant", "content": ""}, "stop")])


def pieces_called_messages() -> bytes:
    values = [{"choices": [{"index": 0, "message": {"reasoning": each}}]} for each in THOUGHT]
    values += [{"choices": [{"index": 0, "message": {"content": each}}]} for each in ANSWER]
    return stream([*values, {"choices": [{"index": 0, "message": {}, "finish_reason": "stop"}]}])


def all_said_again_at_the_end() -> bytes:
    whole = {"role": "assistant", "content": "".join(ANSWER), "reasoning_content": "hm yes"}
    last = {"choices": [{"index": 0, "delta": {}, "message": whole, "finish_reason": "stop"}]}
    return stream([*pieces("reasoning_content")[:-1], last])


def a_whole_message() -> bytes:
    whole = {"role": "assistant", "content": "".join(ANSWER), "reasoning_content": "hm yes"}
    return stream([{"choices": [{"index": 0, "message": whole, "finish_reason": "stop"}]}])


def nulls_and_empty_words() -> bytes:
    values = [chunk({"thinking": each, "content": None}, "") for each in THOUGHT]
    values += [chunk({"content": each}, "null") for each in ANSWER]
    return stream([{}, *values, {"type": "ping"}, chunk(None, "stop")])


def without_empty_lines() -> bytes:
    return b"\xef\xbb\xbf" + stream(pieces("reasoning_text"), end="\n")


def old_line_ends() -> bytes:
    return stream(pieces("reasoning"), end="\r\r").replace(b"\n", b"\r")


def events_over_several_lines() -> bytes:
    events = []
    for value in pieces("thought"):
        lines = json.dumps(value, indent=1).splitlines()
        events.append("".join(f"data: {each}\n" for each in lines) + "\n")
    return "".join(events).encode() + DONE


def named_events() -> bytes:
    return b"retry: 3000\n\n" + stream(pieces("reasoning"), name="event: message\nid: 1\ndata: ")


def no_reason_but_an_end() -> bytes:
    return stream(pieces("reasoning")[:-1])


def no_end_but_a_reason() -> bytes:
    return stream(pieces("reasoning")).removesuffix(DONE)


def no_line_break_at_the_end() -> bytes:
    values = [*pieces("reasoning")[:-2], chunk({"content": ANSWER[-1]}, "stop")]
    return stream(values).removesuffix(DONE).rstrip(b"\n")


def json_value() -> bytes:
    message = {"role": "assistant", "content": "".join(ANSWER), "reasoning_content": "hm yes"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    value = {"object": "chat.completion", "choices": [choice], "usage": {"prompt_tokens": 9}}
    return json.dumps(value, indent=2).encode()


def json_lines() -> bytes:
    return b"".join(sent(each, "\n", "") for each in pieces("reasoning"))


def json_list() -> bytes:
    return json.dumps(pieces("reasoning")).encode()


def ollamas_own() -> bytes:
    values = [{"message": {"role": "assistant", "content": "", "thinking": t}} for t in THOUGHT]
    values += [{"message": {"role": "assistant", "content": each}} for each in ANSWER]
    values.append({"message": {"content": ""}, "done": True, "finish_reason": "stop"})
    return b"".join(sent(each, "\n", "") for each in values)


MAKES: tuple[Callable[[], bytes], ...] = (
    llama_server,
    llama_cpp_python,
    vllm,
    sglang,
    ollama,
    lm_studio,
    openrouter,
    openrouter_details_alone,
    litellm,
    tgi,
    deepseek,
    mistral,
    text_generation_webui,
    pieces_called_messages,
    all_said_again_at_the_end,
    a_whole_message,
    nulls_and_empty_words,
    without_empty_lines,
    old_line_ends,
    events_over_several_lines,
    named_events,
    no_reason_but_an_end,
    no_end_but_a_reason,
    no_line_break_at_the_end,
    json_value,
    json_lines,
    json_list,
    ollamas_own,
)
