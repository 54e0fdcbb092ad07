"""The user's settings: each is declared once here, and a file keeps those that are set.

The declarations in `SETTINGS` make the checks of the file, the options of the command line that
stand for a setting, `r1chat settings`, and the table in docs/settings.md (by `scripts/tables`).
"""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Generic, Literal, TypeAlias, TypeVar, get_args

from r1chat import offload, paths, user_files
from r1chat.events import CheckSums, FullContext, LanguageCode, SamplesStop
from r1chat.formatting import format_bytes
from r1chat.nearest import nearest
from r1chat.offload import GpuLayers
from r1chat.own_formats import Formats, described
from r1chat.reasoning.budget import LIMIT_TOKENS, Budget, Think
from r1chat.values import Choice, Form, Kind, Real, Switch, Table, Text, Texts, Whole, written

T = TypeVar("T")
Section: TypeAlias = Literal["model", "thinking", "sampling", "history", "app"]
Source: TypeAlias = Literal["default", "model", "preset", "file", "option"]

_LARGEST = 1024 * 1024
"""Bytes of a file; nobody writes more by hand."""
_MOST_FAULTS = 3
_MOST = 10_000_000
_LONGEST_SYSTEM = 65_536
"""Characters of instructions."""


# What is left out here would be made at each start, and nobody needs it.
@dataclass(frozen=True, eq=False, repr=False)
class Setting(Generic[T]):
    """All that is known of a setting beside what it does.

    Attributes:
        kind: What its value may be.
        section: What it belongs to.
        help: What it means, in one line.
        details: What else there is to say of it where there is room.
        default: What holds where it is not set; None where that is no single value.
        otherwise: The same in words, in the place of the value.
        flags: The options that stand for it, separated by spaces; by default its own name.
        metavar: What its value is called in the help of these options.
        no_option: Why there is no such option.
        own_option: Whether that option takes other values than the setting, and is added by hand.
        name: Its name.
    """

    kind: Kind[T]
    section: Section
    help: str
    details: str = ""
    default: T | None = None
    otherwise: str = ""
    flags: str = ""
    metavar: str = "N"
    no_option: str = ""
    own_option: bool = False
    name: str = ""

    @property
    def options(self) -> tuple[str, ...]:
        """The options that stand for it."""
        if self.no_option:
            return ()
        return tuple((self.flags or f"--{self.name.replace('_', '-')}").split())

    @property
    def usual(self) -> str:
        """What holds where it is not set, in words."""
        return self.otherwise or written(self.default)

    @property
    def usage(self) -> str:
        """All that there is to say of it."""
        return "; ".join(filter(None, (self.help, self.details, f"default: {self.usual}")))


def _unset(setting: Setting[T]) -> T | None:
    """Declares a field of `Settings`, which is unset by default."""
    can_be_hashed = False if isinstance(setting.kind, (Table, Formats, _Presets)) else None
    return field(default=None, hash=can_be_hashed, metadata={"setting": setting})


def _budget(text: str) -> str:
    return str(Budget.parse(text))


def _address(text: str) -> str:
    from r1chat.addresses import normal

    return normal(text)


def _folder(text: str) -> str:
    if not paths.named(text).is_absolute():
        message = "a folder must begin with / or ~"
        raise ValueError(message)
    return text


def _server_name(text: str) -> str:
    from r1chat.addresses import NAME_RULE, is_name

    if not is_name(text):
        message = f"a server's name has {NAME_RULE}"
        raise ValueError(message)
    return text


_SHORT = Text(longest=80)


class _Keymap(Table):
    """Keys by ids of actions. What is typed is checked; a file may be another version's."""

    def read(self, text: str) -> dict[str, str]:
        """Reads an object of JSON whose actions and keys are known."""
        from r1chat.keymap import checked

        return checked(super().read(text))


PRESET_FIELDS = (
    *("system", "budget", "min_think", "think", "think_language"),
    *("temperature", "top_p", "top_k", "min_p", "max_answer"),
)
"""The settings that a preset may hold."""
_PRESET_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_MOST_PRESETS = 200


class _Presets(Kind[dict[str, dict[str, Any]]]):
    """Settings by name, by the names of presets."""

    allowed = "a JSON object of presets, each of settings that a preset may hold"

    def read(self, text: str) -> dict[str, dict[str, Any]]:
        """Reads an object of JSON."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        return self.check(value)

    def check(self, value: object) -> dict[str, dict[str, Any]]:
        """Takes an object of objects."""
        if not isinstance(value, dict) or len(value) > _MOST_PRESETS:
            message = f"not {self.allowed}"
            raise ValueError(message)
        return {preset_name(name): preset_values(held) for name, held in value.items()}


def preset_name(name: object) -> str:
    """The name of a preset.

    Raises:
        ValueError: If it is none.
    """
    if not isinstance(name, str) or not _PRESET_NAME.fullmatch(name):
        message = f"{str(name)[:40]!r} names no preset: small letters, digits, - and _, 40 at most"
        raise ValueError(message)
    return name


def preset_values(values: object) -> dict[str, Any]:
    """The settings that a preset holds, in their normal forms.

    Raises:
        ValueError: If they make no sense; the message is one line.
    """
    if not isinstance(values, dict):
        message = "a preset is a JSON object of settings"
        raise ValueError(message)  # noqa: TRY004  (the user's slip, not the program's)
    found = {}
    for name, value in values.items():
        if name not in PRESET_FIELDS:
            message = f"{str(name)[:40]!r} is no setting of a preset; they are "
            raise ValueError(message + ", ".join(PRESET_FIELDS))
        try:
            found[name] = SETTINGS[name].kind.check(value)
        except ValueError as error:
            message = f"{name}: {error}"
            raise ValueError(message) from None
    Budget.parse(found.get("budget") or "max", minimum=found.get("min_think") or 0)
    return found


# fmt: off
@dataclass(frozen=True, slots=True)
class Settings:
    """What a user has set. None is unset."""

    model: str | None = _unset(Setting(
        Text("a model reference"), "model", "the model to use",
        details='"tiny" (built in), a short name ("r1:7b", "qwen3:8b"), "owner/repo:QUANT" on '
        "Hugging Face, the path of a .gguf file, or a server's model (http://host:port/v1#model, "
        "NAME#model); `r1chat models` and `r1chat servers` list them",
        otherwise="the best one on this machine, else tiny", flags="-m --model", metavar="REF"))
    ctx: int | None = _unset(Setting(
        Whole(256, _MOST), "model", "context size in tokens",
        otherwise="what the model was made for, as far as memory allows"))
    full_context: FullContext | None = _unset(Setting(  # noqa: RUF009  (a field)
        Choice(*get_args(FullContext)), "model",
        "what becomes of the oldest turns where the context is full: drop (the model no longer "
        "sees them), ask, summarise (the model sums them up), or grow (a larger context, where "
        "memory allows)",
        details="`r1chat ask` has nobody to ask, and drops them", default="drop",
        metavar="|".join(get_args(FullContext))))
    threads: int | None = _unset(Setting(
        Whole(1, 1024), "model", "threads to compute with",
        otherwise="all usable cores but one, and fewer while others use them; all of "
        "them to read a prompt"))
    gpu_layers: GpuLayers | None = _unset(Setting(  # noqa: RUF009  (a field)
        Form("auto, all or -1 to 10,000", offload.gpu_layers), "model",
        "layers to put on the GPU: auto (as many as there is memory for), all, or a number",
        default="auto"))
    tensor_split: str | None = _unset(Setting(
        Text("a part for each GPU", offload.split_text), "model",
        "how several GPUs share the model, e.g. 3,1", otherwise="by their free memory",
        metavar="P,…"))
    system: str | None = _unset(Setting(
        Text("instructions", longest=_LONGEST_SYSTEM), "model",
        "instructions for each new conversation, put before its first question",
        otherwise="none", flags="-s --system", metavar="TEXT", own_option=True))
    presets: dict[str, dict[str, Any]] | None = _unset(Setting(  # noqa: RUF009  (a field)
        _Presets(), "model", "named sets of instructions, budget and sampling",
        otherwise="the built-in ones: mathematics, code, short",
        no_option="`r1chat presets set` adds one, `ask --preset` takes one"))
    folders: list[str] | None = _unset(Setting(  # noqa: RUF009  (a field)
        Texts("a folder, or a JSON list of folders", Text(normal=_folder)), "model",
        "further folders to look for GGUF files in, three levels deep", otherwise="none",
        no_option="a list does not fit an option"))
    servers: dict[str, str] | None = _unset(Setting(  # noqa: RUF009  (a field)
        Table("names and addresses", Text(normal=_server_name), Text(normal=_address)), "model",
        "names of servers with their addresses; their keys are kept elsewhere", otherwise="none",
        no_option="`r1chat servers add` adds one"))
    budget: str | None = _unset(Setting(
        Text("off, tokens, seconds, auto or max", _budget), "thinking",
        'how long the model may think: "off", tokens ("512"), seconds ("30s"), "auto" (until '
        'an answer preview shows that it is sure) or "max"',
        default="max", flags="-b --budget", metavar="B"))
    think: Think | None = _unset(Setting(  # noqa: RUF009  (a field)
        Choice("auto", "on", "off"), "thinking",
        "which models think: auto (those that do by themselves), on (the others are asked to "
        "think first), or off (none)",
        default="auto", metavar="auto|on|off"))
    think_language: LanguageCode | None = _unset(Setting(  # noqa: RUF009  (a field)
        Choice(*get_args(LanguageCode)), "thinking",
        "the language to think in, by its code: a few words of r1chat's open the thought in it",
        details="`r1chat eval --think-language none,CODE` shows what that costs in accuracy",
        otherwise="as the model has it", metavar="CODE"))
    min_think: int | None = _unset(Setting(
        Whole(0, LIMIT_TOKENS), "thinking", "tokens that the model must think at least",
        details='until then "Wait," replaces its end of thinking, 16 times at most', default=0))
    peek: int | None = _unset(Setting(
        Whole(0, LIMIT_TOKENS), "thinking",
        "tokens of thought between two answer previews; 0 makes none by itself",
        details="the thought continues as it would have without", default=0))
    samples: int | None = _unset(Setting(
        Whole(1, 1024), "thinking",
        "samples that the app draws for each question; the majority's answer counts", default=1,
        flags="-n --samples", own_option=True, metavar="K"))
    samples_stop: SamplesStop | None = _unset(Setting(  # noqa: RUF009  (a field)
        Choice(*get_args(SamplesStop)), "thinking",
        "when samples are not drawn to the last: never, settled (once the others cannot change the "
        "majority) or likely (once they would hardly change it; a few are drawn at a time)",
        default="settled", metavar="|".join(get_args(SamplesStop))))
    thoughts: Literal["show", "hide"] | None = _unset(Setting(
        Choice("show", "hide"), "thinking",
        "whether thoughts are shown: on stderr where that is a terminal, and open in the app",
        default="show", own_option=True))
    formats: list[dict[str, Any]] | None = _unset(Setting(  # noqa: RUF009  (a field)
        Formats(), "thinking", "further formats of thoughts, preferred to those in docs/formats.md",
        otherwise="none", no_option="a list does not fit an option"))
    check_sums: CheckSums | None = _unset(Setting(  # noqa: RUF009  (a field)
        Choice(*get_args(CheckSums)), "thinking",
        "whether sums in thoughts and answers are computed again: off, mark (wrong ones are "
        "marked and counted) or fix (besides, r1chat writes into the thought what is right)",
        default="mark", metavar="|".join(get_args(CheckSums))))
    temperature: float | None = _unset(Setting(
        Real(0, 2), "sampling", "how freely tokens are chosen; 0 is greedy", default=0.6,
        metavar="T"))
    top_p: float | None = _unset(Setting(
        Real(0, 1, above=True), "sampling",
        "sample from the likeliest tokens that make up this probability; 1 is off", default=0.95,
        metavar="P"))
    top_k: int | None = _unset(Setting(
        Whole(0, _MOST), "sampling", "sample from this many of the likeliest tokens; 0 is off",
        default=40, metavar="K"))
    min_p: float | None = _unset(Setting(
        Real(0, 1), "sampling",
        "drop tokens below this share of the likeliest one's probability; 0 is off", default=0,
        metavar="P"))
    max_answer: int | None = _unset(Setting(
        Whole(1, _MOST), "sampling", "most tokens of answer", otherwise="as many as fit"))
    save: bool | None = _unset(Setting(
        Switch(), "history", "whether conversations are saved", default=True, flags="--no-save",
        own_option=True))
    keep_state: bool | None = _unset(Setting(
        Switch(), "history", "whether what a model has read of a conversation is kept on the disk",
        details="so that it is not read again when the conversation is continued", default=True,
        no_option="--no-save keeps nothing of one question"))
    state_space: float | None = _unset(Setting(
        Real(0, 100_000), "history", "gigabytes that this may take; the oldest go first",
        otherwise="2, or 5 % of the free disk where that is less",
        no_option="it is for all conversations", metavar="GB"))
    theme: str | None = _unset(Setting(
        Text("the name of a theme"), "app", "the colour theme", default="midnight",
        no_option="picked in the app"))
    pace: float | None = _unset(Setting(
        Real(0, 10_000), "app", "tokens a second that the app writes at most; 0 sets no limit",
        otherwise="60 for the built-in model, no limit for others",
        no_option="only the app writes at a reading pace"))
    confidence: bool | None = _unset(Setting(
        Switch(), "app", "whether the app shows how sure the model is",
        details="thoughts are shaded where it is not, by the probabilities of its own tokens",
        default=False, no_option="`ask --logprobs` measures it for one question"))
    panel: Literal["show", "hide"] | None = _unset(Setting(
        Choice("show", "hide"), "app", "whether the app opens with its list of conversations",
        default="hide", no_option="the app remembers it"))
    notify: bool | None = _unset(Setting(
        Switch(), "app", "whether the desktop says that a job in the background has ended",
        details="where it has notify-send or osascript", default=True,
        no_option="a job ends when nobody is there to give it options"))
    keys: dict[str, str] | None = _unset(Setting(  # noqa: RUF009  (a field)
        _Keymap('ids of actions and keys, e.g. {"chat.answer_now": "f12"}', _SHORT, _SHORT), "app",
        "other keys for actions, by the ids that `r1chat keys` lists",
        otherwise="as the app has them", no_option="a table does not fit an option"))
# fmt: on


SETTINGS: Mapping[str, Setting[Any]] = {
    each.name: replace(each.metadata["setting"], name=each.name) for each in fields(Settings)
}
"""The declarations by name."""


def held(
    settings: Settings,
    given: Mapping[str, object],
    *,
    preset: Mapping[str, object] | None = None,
    advised: Mapping[str, object] | None = None,
) -> dict[str, tuple[object, Source]]:
    """What holds of all settings, and where each was set.

    Args:
        settings: What the file says.
        given: What options say, by the settings' names; None is not given.
        preset: What a preset holds.
        advised: What the model's maker advises.
    """
    preset, advised = preset or {}, advised or {}
    found: dict[str, tuple[object, Source]] = {}
    for name, setting in SETTINGS.items():
        if given.get(name) is not None:
            found[name] = given[name], "option"
        elif name in preset:
            found[name] = preset[name], "preset"
        elif (value := getattr(settings, name)) is not None:
            found[name] = value, "file"
        elif name in advised:
            found[name] = advised[name], "model"
        else:
            found[name] = setting.default, "default"
    return found


def load(path: Path | None = None) -> tuple[Settings, str | None]:
    """Reads the settings.

    A bad value counts as unset, and a bad file as empty: a slip in a file must not keep anybody
    from asking a question.

    Args:
        path: The file; the user's own without it.

    Returns:
        The settings, and one line on what is wrong with the file, if anything is.
    """
    path = path or paths.settings_file()
    try:
        text = _text(path)
    except FileNotFoundError:
        return Settings(), None
    except (OSError, UnicodeDecodeError) as error:
        return Settings(), f"settings ignored: cannot read {path}: {_reason(error)}"
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Settings(), f"settings ignored: {path} is not JSON: {_reason(error)}"
    good, faults = checked(values)
    if not faults:
        return Settings(**good), None
    return Settings(**good), f"settings in {path}: {'; '.join(faults)}"


def use(settings: Settings) -> None:
    """Has this process know the user's own folders of models, threads and formats of thoughts."""
    paths.use_folders(settings.folders or ())
    # Most have none of the others, and need not wait for these modules before their first frame.
    if settings.threads or "r1chat.resources" in sys.modules:
        from r1chat import resources

        resources.use_threads(settings.threads)
    if settings.formats or "r1chat.reasoning.formats" in sys.modules:
        from r1chat.reasoning import formats

        formats.use([described(each) for each in settings.formats or ()])


def checked(values: object) -> tuple[dict[str, Any], list[str]]:
    """Separates what is right in a settings file from what is not.

    Args:
        values: What the file has, as JSON is read.

    Returns:
        The good values by name, and a short phrase on each bad one.
    """
    if not isinstance(values, dict):
        return {}, ["not an object of names and values"]
    good: dict[str, Any] = {}
    faults: list[str] = []
    for name, value in values.items():
        if name not in SETTINGS:
            near = nearest(name, SETTINGS) if len(faults) < _MOST_FAULTS else None
            faults.append(
                f"{name[:80]!r} is not a setting" + (f" (did you mean {near}?)" if near else "")
            )
        elif value is not None:
            try:
                good[name] = SETTINGS[name].kind.check(value)
            except ValueError as error:
                faults.append(f"{name}: {error}")
    try:
        Budget.parse(good.get("budget") or "max", minimum=good.get("min_think") or 0)
    except ValueError as error:
        # A minimum has to fit into the budget.
        del good["min_think"]
        faults.append(f"min_think: {error}")
    if len(faults) > _MOST_FAULTS:
        faults[_MOST_FAULTS:] = [f"and {len(faults) - _MOST_FAULTS} more"]
    return good, faults


def _text(path: Path) -> str:
    if path.exists() and not path.is_file():
        # It would be waited for at every start.
        raise OSError(errno.EINVAL, "it is not a file")
    data = user_files.read(path, _LARGEST)
    if len(data) > _LARGEST:
        raise OSError(errno.EFBIG, f"it is larger than {format_bytes(_LARGEST)}")
    return data.decode("utf-8")


def save(settings: Settings, path: Path | None = None) -> Path | None:
    """Writes the settings, whole or not at all.

    Args:
        settings: The settings; what is unset is left out.
        path: The file; the user's own without it.

    Returns:
        Where the old file was moved to, if it was a bad one. It may hold the work of somebody who
        made one slip in it, so it is never overwritten.

    Raises:
        OSError: If it cannot be written.
        ValueError: If a value makes no sense; the message is one line.
    """
    path = path or paths.settings_file()
    values = {name: value for name, value in asdict(settings).items() if value is not None}
    _, faults = checked(values)
    if faults:
        raise ValueError("; ".join(faults))
    # A link, as dotfile managers make them, stays a link; so does one to the null device.
    path = Path(os.path.realpath(path))
    kept = _set_aside(path) if path.is_file() and load(path)[1] is not None else None
    paths.write_private(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")
    return kept


def _set_aside(path: Path) -> Path:
    number = 1
    while (kept := path.with_name(f"{path.name}.bad-{number}")).exists():
        number += 1
    path.rename(kept)
    return kept


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
