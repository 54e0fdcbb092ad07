"""The composition root: from a model reference to an engine that runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1chat import offload
from r1chat.addresses import is_name
from r1chat.errors import EngineError, ModelError, UsageError
from r1chat.hub.locate import file_at, locate
from r1chat.models import TINY
from r1chat.offload import GpuLayers, layer_count
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.engine.base import Engine
    from r1chat.engine.remote.server import Server
    from r1chat.reasoning.formats import Format
    from r1chat.states import States


def resolve(ref: str) -> Path:
    """The file on this machine that a model reference means. Nothing is downloaded.

    Args:
        ref: As `r1chat.hub.locate.locate` takes it.

    Raises:
        MissingModel: If it is on the Hub, but not on this machine.
        ModelError: If there is none.
        UsageError: If it is malformed.
    """
    if (remote := remote_server(ref)) is not None:
        message = f"{remote[0].host} is a server: of its models there is no file here"
        raise ModelError(message)
    return locate(ref)


def remote_server(ref: str) -> tuple[Server, str] | None:
    """The server that a model reference leads to, and the model there.

    Args:
        ref: ``http://host:port/v1#model``, or with https; the model may be left out. Or
            ``NAME#model`` for a server that has a name; NAME alone where it has one model.

    Returns:
        The server, with its key, and the model's name; None where a model on this machine is meant.

    Raises:
        UsageError: If it is an address that cannot be used, or its key is none.
        ModelError: If no server has that name.
        R1ChatError: If its key cannot be had.
    """
    # Most references are none: they cost no import.
    if "://" in ref:
        return _at_address(ref)
    if ref == TINY or ("#" not in ref and not is_name(ref)) or file_at(ref) is not None:
        return None
    from r1chat import servers

    named = servers.split(ref)
    return (servers.server(named[0]), named[1]) if named else None


def as_kept(ref: str, known: Iterable[str | None] = ()) -> str | None:
    """The model that a conversation was held with, if it may be asked without a word.

    Args:
        ref: As the conversation says; it may be empty.
        known: References that the user has given.

    Raises:
        UsageError: If it is on another machine, at an address that the user has not given. A
            conversation that was imported may say anything, and would be sent there, with a key.
    """
    given = {_address(each) for each in known if each}
    found = remote_server(ref) if "://" in ref and _address(ref) not in given else None
    if found is not None and not found[0].is_local:
        message = (
            f"this conversation was held with {line(ref)}; to send it there, say so: -m {line(ref)}"
        )
        raise UsageError(message)
    return ref or None


def _address(ref: str) -> str:
    return ref.partition("#")[0]


def _at_address(ref: str) -> tuple[Server, str] | None:
    from r1chat import servers
    from r1chat.engine.remote.server import parse
    from r1chat.hub import reference

    url, named, _ = ref.partition("#")
    is_certain = named or url.rstrip("/").endswith("/v1")
    if not is_certain and reference.parse(ref) is not None:
        return None
    found = parse(ref)
    return (servers.unnamed(found[0]), found[1]) if found else None


def fits_beside(
    ref: str,
    *,
    ctx: int | None = None,
    gpu_layers: GpuLayers | None = None,
    tensor_split: str | None = None,
    **others: Any,  # noqa: ANN401  (what else `load` takes)
) -> bool:
    """Whether a model can be loaded while another one stays loaded, as well as without it.

    Args:
        ref: As `load` takes it.
        ctx: Tokens of context.
        gpu_layers: Layers on the GPU.
        tensor_split: How to share them out.
        **others: What makes no difference.

    Raises:
        R1ChatError: What `load` would raise before it loads anything.
    """
    del others
    if remote_server(ref) is not None:
        return True
    path = resolve(ref)
    from r1chat.engine.loading import LoadOptions
    from r1chat.engine.planning import fits_unshortened

    options = LoadOptions(
        ctx=ctx,
        gpu_layers=layer_count(gpu_layers),
        tensor_split=offload.tensor_split(tensor_split) if tensor_split else (),
    )
    return fits_unshortened(path, options)


def load(  # noqa: PLR0913  (each has a choice of its own)
    ref: str = TINY,
    *,
    ctx: int | None = None,
    threads: int | None = None,
    gpu_layers: GpuLayers | None = None,
    tensor_split: str | None = None,
    samples: int = 1,
    formats: tuple[Format, ...] = (),
    states: States | None = None,
    on_progress: Callable[[float], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> Engine:
    """Loads a model.

    Args:
        ref: What `resolve` takes, or `remote_server`.
        ctx: Tokens of context; by default what the model was made for, as far as it fits.
        threads: Threads to compute with; by default measured.
        gpu_layers: Layers on the GPU: a number, "all", or "auto", which leaves it to the engine.
        tensor_split: How to share them out among several GPUs, e.g. "3,1"; by default by their
            free memory.
        samples: Replies that are to be drawn side by side.
        formats: Further formats of thoughts, preferred to those that are known.
        states: Where the states of conversations are kept; not on servers, which have caches of
            their own. None keeps none.
        on_progress: Is called from another thread with how much is loaded, from 0 to 1.
        on_notice: Takes what the user should know before a server is sent anything, and while it
            is waited for.

    Raises:
        ModelError: If it cannot be found or loaded.
        EngineError: If llama.cpp itself cannot be used.
        NetworkError: If a server does not answer.
    """
    remote = remote_server(ref)
    if remote is not None:
        from r1chat.engine.remote import RemoteEngine

        return RemoteEngine(*remote, ctx=ctx, formats=formats, on_notice=on_notice)
    path = resolve(ref)
    try:
        from r1chat.engine.llama import LlamaEngine, LoadOptions
    except (ImportError, OSError) as error:
        # OSError: the shared library is there but cannot be loaded.
        reason = line(str(error))
        message = f"llama.cpp cannot be used: {reason}; `r1chat doctor` says what to install"
        raise EngineError(message) from error
    options = LoadOptions(
        ctx=ctx,
        threads=threads,
        gpu_layers=layer_count(gpu_layers),
        tensor_split=offload.tensor_split(tensor_split) if tensor_split else (),
        samples=samples,
        formats=formats,
        states=states,
        on_progress=on_progress,
        trusted=ref == TINY,
    )
    # What names a file here must name it from any folder: conversations are continued later.
    is_path = file_at(ref) == path
    named = str(path.absolute()) if is_path else ref
    engine = LlamaEngine(path, ref=named, options=options)
    if is_path:
        from r1chat.hub import recent

        recent.keep(path.absolute())
    return engine
