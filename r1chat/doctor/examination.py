"""Looks at everything that r1chat stands on."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from r1chat import gpu, paths, settings
from r1chat.doctor import child, machine
from r1chat.doctor.findings import Finding, Level, Section
from r1chat.engine.threads import default_threads, usable_cores
from r1chat.formatting import counted, format_bytes, format_duration, format_speed
from r1chat.install import reinstall, requirement
from r1chat.resources import memory
from r1chat.version import __version__

_BUILD_TIMEOUT_S = 120
_TRIAL_TIMEOUT_S = 180
_LITTLE_DISK = 2_000_000_000
# What makes a difference that one notices; the rest is not worth a compilation.
_WORTH_HAVING = ("AVX2", "FMA", "F16C", "AVX512", "NEON", "DOTPROD", "MATMUL_INT8")


def examine() -> list[Section]:
    """Looks at everything, which takes some seconds. Never raises."""
    processor = machine.processor()
    build = child.run("r1chat.engine.about", _BUILD_TIMEOUT_S)
    sections = [
        Section("Versions", _versions()),
        Section("Machine", [*_processor(processor), *_memory()]),
        Section("llama.cpp", _build(build, processor)),
    ]
    if build.result is not None:
        sections.append(Section("Built-in model", _trial()))
    return [*sections, Section("Files", [*_folders(), *_files()])]


def _versions() -> list[Finding]:
    findings = [
        Finding("r1chat", f"{__version__}, in {paths.package()}"),
        Finding("Python", f"{platform.python_version()}, {sys.executable}"),
        Finding("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
    ]
    for name in _needed():
        try:
            findings.append(Finding(name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            advice = (reinstall(),) if name == "llama-cpp-python" else ("Install r1chat again.",)
            findings.append(Finding(name, "not installed", "broken", advice))
    return findings


def _needed() -> list[str]:
    """The packages that this r1chat depends on."""
    try:
        wanted = metadata.requires("r1chat") or []
    except metadata.PackageNotFoundError:
        wanted = [requirement()]
    names = []
    for each in wanted:
        name = re.match(r"[A-Za-z0-9._-]+", each)
        if name and ";" not in each:
            names.append(name[0])
    return names


def _processor(processor: machine.Processor) -> list[Finding]:
    known = "unknown" if processor.features is None else " ".join(sorted(processor.features))
    cores = [f"{processor.physical} physical"] if processor.physical else []
    cores += [f"{processor.logical} logical"] if processor.logical else []
    cores.append(f"{usable_cores()} usable")
    if processor.allowance is not None:
        cores.append(f"time of {processor.allowance:g} allowed by the control group")
    threads = default_threads()
    findings = [
        Finding("processor", processor.name),
        Finding("its features", known or "none that llama.cpp uses"),
        Finding("cores", f"{', '.join(cores)}; a reply starts with {threads}"),
    ]
    if processor.allowance is not None and processor.allowance < threads:
        fewer = max(1, int(processor.allowance))
        advice = f"They slow each other down: r1chat settings set threads {fewer}"
        findings.append(Finding("threads", f"{threads} are too many", "odd", (advice,)))
    return findings


def _memory() -> list[Finding]:
    found = memory()
    if found is None:
        return [Finding("memory", "unknown")]
    total, free = format_bytes(found.total), format_bytes(found.free)
    return [Finding("memory", f"{total} for r1chat, {free} of it free")]


def _build(build: child.Outcome, processor: machine.Processor) -> list[Finding]:
    if build.result is None:
        failure = build.failure.removesuffix("; `r1chat doctor` says what to install")
        return [Finding("loads", f"no: {failure}", "broken", _cure(build))]
    result = build.result
    compiled = frozenset(re.findall(r"(\w+) = 1\b", str(result["features"])))
    version = " ".join(str(result[key]) for key in ("ggml_version", "ggml_commit") if result[key])
    named = "" if paths.library_folder() is None else f", which {paths.LIBRARY_VARIABLE} names"
    loads = f"yes, in {format_duration(result['seconds'])}, from {result['folder']}{named}"
    findings = [
        Finding("loads", loads),
        Finding("ggml", version or "unknown"),
        Finding("compiled for", " ".join(sorted(compiled)) or "no particular processor"),
    ]
    if "AMX_INT8" in compiled:
        findings.append(Finding("AMX", "left alone: llama.cpp's kernels for it crash"))
    if processor.features is not None:
        lost = [name for name in _WORTH_HAVING if name in processor.features - compiled]
        if lost:
            advice = ("Compiled on this machine it would be faster:", reinstall())
            findings.append(Finding("not used", " ".join(lost), "odd", advice))
        foreign = sorted(compiled & machine.FLAGS.keys() - processor.features)
        if foreign:
            advice = ("It may crash on a larger model. Compile it here:", reinstall())
            findings.append(Finding("not on this machine", " ".join(foreign), "odd", advice))
    return [*findings, *_offload(result["gpus"], offloads=bool(result["gpu_offload"]))]


def _cure(build: child.Outcome) -> tuple[str, ...]:
    if build.signal == "SIGILL":
        first = "This build is for another processor. Compile it here:"
    elif "cannot open shared object" in build.failure:
        first = "A system library is missing: install it (libgomp.so.1 is Debian's libgomp1), or:"
    elif (folder := paths.library_folder()) is not None:
        first = (
            f"{paths.LIBRARY_VARIABLE} is {folder}; it has to name a folder with the libraries of "
            "the llama.cpp that this llama-cpp-python was made for. Without it:"
        )
    else:
        first = "Reinstall it:"
    return first, reinstall()


def _offload(usable: list[dict[str, Any]], *, offloads: bool) -> list[Finding]:
    gpus = gpu.found()
    seen = "; ".join(f"{', '.join(each.names)} ({each.kind})" for each in gpus)
    findings = [Finding("GPUs", seen or "none found")]
    if usable:
        return [*findings, *map(_usable, usable)]
    if offloads:
        said = "this build has it, but sees no GPU"
        driver = ("Its driver is missing, or too old for this build of llama.cpp.",)
        return [*findings, Finding("GPU offload", said, "odd" if gpus else "fine", driver)]
    if not gpus:
        return [*findings, Finding("GPU offload", "no, and none is needed without a GPU")]
    advice = []
    for each in gpus:
        advice += [f"With {each.kind}; needs {each.needs}:", reinstall(each.flag)]
    level: Level = "odd"
    return [*findings, Finding("GPU offload", "no, this build has none", level, tuple(advice))]


def _usable(device: dict[str, Any]) -> Finding:
    """One of the GPUs that llama.cpp sees, in the order of --tensor-split."""
    about = f"{device['description']} ({device['name']})"
    if device["total"]:
        about += f": {format_bytes(device['free'])} of {format_bytes(device['total'])} free"
    return Finding("GPU offload", about + (", shared with the processor" * device["shared"]))


def _trial() -> list[Finding]:
    trial = child.run("r1chat.doctor.trial", _TRIAL_TIMEOUT_S)
    if trial.result is None:
        return [Finding("answers", f"no: {trial.failure}", "broken", ("Install r1chat again.",))]
    result = trial.result
    if result["error"] or result["ended_by"] in ("error", "time"):
        what = result["error"] or "it took more than a minute"
        return [Finding("answers", f"no: {what}", "broken", ("`r1chat --verbose ask` says more.",))]
    right = result["final"] == "110"
    return [
        Finding("loads", f"in {format_duration(result['load_s'])}"),
        Finding("first token", f"after {format_duration(result['first_token_s'])}"),
        Finding(
            "speed",
            f"{format_speed(result['tokens_per_s'])} over {counted(result['tokens'], 'token')}",
        ),
        Finding("answers", f"44 + 41 + 25 = {result['final']}", "fine" if right else "odd"),
    ]


def _folders() -> list[Finding]:
    findings = []
    for name, path in paths.everything().items():
        folder = path if not path.suffix else path.parent
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if folder.is_dir() and os.access(folder, os.W_OK):
            findings.append(Finding(name, str(path)))
        else:
            advice = (f"Make {folder} writable, or set {paths.HOME_VARIABLE} to another folder.",)
            findings.append(Finding(name, f"{path} (cannot be written)", "odd", advice))
    return findings


def _files() -> list[Finding]:
    from r1chat import themes

    loaded, failures = themes.load()
    findings = [Finding("themes that load", str(len(loaded)))]
    findings += [Finding("theme", failure, "odd") for failure in failures]
    if fault := settings.load()[1]:
        findings.append(Finding("settings", fault, "odd"))
    findings += _history()
    folder = paths.models()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    level: Level = "fine" if free >= _LITTLE_DISK else "odd"
    return [*findings, Finding("free for models", format_bytes(free), level)]


def _history() -> list[Finding]:
    from r1chat.store import checkup

    path = Path(os.path.realpath(paths.history_file()))
    return [Finding("history", what, "odd", (cure,)) for what, cure in checkup.look(path)]
