"""`r1chat eval`: measures a model with questions whose answers are known."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from r1chat import compose, logs, paths
from r1chat.checking import Checker
from r1chat.checking.mathematics import INSTALL
from r1chat.commands import eval_results
from r1chat.commands import settings as user
from r1chat.commands.columns import columns
from r1chat.commands.default_model import default_model
from r1chat.commands.download import or_download
from r1chat.commands.eval_results import results_file
from r1chat.commands.exits import ExitCode
from r1chat.console import Console
from r1chat.engine.base import Engine, Sampling
from r1chat.errors import EngineError, R1ChatError, UsageError
from r1chat.evaluation import (
    curves,
    drawing,
    effects,
    interventions,
    picture,
    reading,
    report,
    running,
    steering,
)
from r1chat.evaluation.effects import Effect
from r1chat.evaluation.interventions import Intervention
from r1chat.evaluation.plan import Conditions, Plan, Sample, settings_of
from r1chat.evaluation.reading import QuestionSet
from r1chat.evaluation.results import Results
from r1chat.evaluation.summary import Summary, summarise
from r1chat.events import LanguageCode
from r1chat.formatting import counted, format_bar, format_remaining, noun
from r1chat.interrupts import Interrupts
from r1chat.models import TINY
from r1chat.output import Out, write_json
from r1chat.reasoning.budget import Think
from r1chat.reasoning.equality import normal, value
from r1chat.reasoning.phrases import STEPS_BOXED
from r1chat.sanitize import line
from r1chat.settings import Settings

_WIDEST = 100


def run(args: argparse.Namespace, console: Console) -> int:
    """Measures, and shows what came of it.

    Args:
        args: What `eval_options.add_eval` defines.
        console: Standard error.

    Returns:
        The exit code.

    Raises:
        R1ChatError: If it fails.
        Interrupted: If a signal came before the first question.
    """
    with Interrupts() as interrupts:
        logs.start(console.log if args.verbose else None)
        if args.show is not None or args.compare is not None or args.export is not None:
            return eval_results.run(args, console, Out(sys.stdout))
        return _Evaluation(args, user.load(console), console, interrupts).run()


class _Evaluation:
    """One run of the subcommand."""

    def __init__(
        self,
        args: argparse.Namespace,
        settings: Settings,
        console: Console,
        interrupts: Interrupts,
    ) -> None:
        self._args = args
        self._settings = settings
        self._console = console
        self._interrupts = interrupts
        self._out = Out(sys.stdout)
        self._checker = Checker()
        self._interventions: tuple[Intervention, ...] = ()

    def run(self) -> int:
        args = self._args
        if args.samples > 1 and self._either("temperature") == 0:
            message = "at temperature 0 all samples are the same; leave out -n or the temperature"
            raise UsageError(message)
        if args.png is not None:
            picture.check()
        if args.steer is not None:
            self._interventions = interventions.read(args.steer)
        asked = reading.read(
            args.file, skip_bad=args.skip_bad, limit=args.limit, waits=self._console.note
        )
        self._say_what_was_left_out(asked)
        with closing(self._load()) as engine, closing(self._checker):
            self._say_what_has_no_effect(engine)
            self._refuse_to_steer(engine)
            plan = self._plan(asked, engine)
            conditions = self._conditions(engine, self._sampling(engine))
            with Results(results_file(args.file, args.out), conditions, engine.info) as results:
                state = self._ask(engine, plan, conditions, results)
                if state is not None:
                    return self._stopped(state, results)
                self._show(plan, asked, conditions, engine, results)
        return ExitCode.ANSWERED

    @property
    def _thinks(self) -> Sequence[Think]:
        """Whether thoughts are asked for: one choice, or several to be compared."""
        given: Sequence[Think] | None = self._args.think
        return given or (self._settings.think or "auto",)

    def _languages(self, engine: Engine) -> Sequence[LanguageCode | None]:
        """The languages that thoughts are opened in.

        Raises:
            UsageError: If they cannot be opened.
        """
        given: Sequence[LanguageCode | None] | None = self._args.think_language
        languages = given or (self._settings.think_language,)
        why = next((engine.info.steering_with(think).go_on for think in self._thinks), "")
        if engine.info.host and why and any(given or ()):
            message = f"--think-language: thoughts cannot be opened: {why}"
            raise UsageError(message)
        return languages

    def _refuse_to_steer(self, engine: Engine) -> None:
        """Says so where thoughts cannot be continued from within.

        Raises:
            UsageError: If there is something to be steered, and it cannot be.
        """
        for think in self._thinks if self._interventions else ():
            steering = engine.info.steering_with(think)
            if not engine.info.thinks_with(think):
                message = "--steer: this model writes no thoughts by itself; try --think on"
                raise UsageError(message)
            closes = any(each.kind == "stop" for each in self._interventions)
            if why := steering.go_on or (closes and steering.close):
                message = f"--steer: its thoughts cannot be steered: {line(why)}"
                raise UsageError(message)

    def _say_what_has_no_effect(self, engine: Engine) -> None:
        """Says so where there will be no thoughts that a budget could limit."""
        info = engine.info
        if self._args.think and info.thinks and info.steering.off:
            # Of a server that frames conversations itself.
            self._console.note(f"--think changes nothing: {line(info.steering.off)}")
        if any(info.thinks_with(think) for think in self._thinks) or info.thinks:
            return
        if "on" in self._thinks:
            note = f"this model cannot be asked to think: {info.unasked}"
        elif info.unasked:
            note = f"this model writes no thoughts, and cannot be asked to: {info.unasked}"
        else:
            note = "this model writes no thoughts by itself; --think on makes it think first"
        self._console.note(f"{note}. It is measured once, without")

    def _say_what_was_left_out(self, asked: QuestionSet) -> None:
        if asked.skipped:
            are = noun(asked.skipped, "is", "are")
            lines = counted(asked.skipped, "line")
            self._console.note(f"{lines} cannot be used and {are} left out")
        if asked.repeated:
            repeat = noun(asked.repeated, "repeats", "repeat")
            are = noun(asked.repeated, "is", "are")
            lines = counted(asked.repeated, "line")
            self._console.note(f"{lines} {repeat} an earlier one and {are} left out")
        plain = self._checker.name == "plain"
        if plain and any(value(normal(each.answer)) is None for each in asked.questions):
            self._console.note(f"answers are compared sign by sign; as mathematics with: {INSTALL}")

    def _load(self) -> Engine:
        ref = self._args.model or self._settings.model
        if ref is None:
            ref, notice = default_model(self._either("ctx"))
            # The built-in model is named above its results.
            if ref != TINY:
                self._console.note(notice)
        load = partial(
            compose.load,
            ref,
            ctx=self._either("ctx"),
            threads=self._either("threads"),
            gpu_layers=self._either("gpu_layers"),
            tensor_split=self._either("tensor_split"),
            on_progress=lambda done: self._console.progress(f"loading the model: {done:.0%}"),
            on_notice=self._console.note,
        )
        context = self._either("ctx")
        return or_download(load, self._console, self._interrupts, context=context)

    def _either(self, name: str) -> Any:  # noqa: ANN401  (of whatever type the option is)
        """An option; where it is not given, the setting."""
        given = getattr(self._args, name)
        return getattr(self._settings, name) if given is None else given

    def _sampling(self, engine: Engine) -> Sampling:
        names = ("temperature", "top_k", "top_p", "min_p")
        return engine.info.sampling({name: self._either(name) for name in names})

    def _plan(self, asked: QuestionSet, engine: Engine) -> Plan:
        args = self._args
        languages = self._languages(engine)
        # Each budget costs all interventions again.
        budgets = args.budgets or (("max",) if self._interventions else ())
        settings = settings_of(engine.info, self._thinks, budgets, args.min_think, languages)
        plan = Plan(asked.questions, settings, tuple(args.seed), args.samples)
        plan = plan.steered(self._interventions)
        if self._interventions and not plan.bases:
            message = '--steer: under the budget "off" there are no thoughts to steer'
            raise UsageError(message)
        return plan

    def _conditions(self, engine: Engine, sampling: Sampling) -> Conditions:
        args = self._args
        path = Path(engine.info.path)
        words = args.words
        if words is None:
            words = "" if path == compose.resolve(TINY) else STEPS_BOXED
        try:
            model = curves.identity(engine.info)
        except OSError as error:
            message = f"cannot read {line(str(path))}: {error.strerror}"
            raise R1ChatError(message) from None
        return Conditions(
            model=model,
            sampling=sampling,
            words=words,
            max_answer=self._either("max_answer"),
            timeout=args.timeout,
            ctx=self._either("ctx"),
        )

    def _ask(
        self, engine: Engine, plan: Plan, conditions: Conditions, results: Results
    ) -> running.State | None:
        """Asks what is left; says how far it is where it was stopped."""
        stop = running.Stop(self._checker)
        runner = running.Runner(engine, conditions, results, self._checker, stop, self._progress)
        self._interrupts.control = stop
        try:
            finished = runner.run(plan)
        except EngineError as error:
            message = f"{error}; what was drawn is kept, and the same command resumes"
            raise EngineError(message) from None
        finally:
            self._interrupts.control = None
            self._console.end_progress()
        for notice in runner.notices:
            self._console.note(notice)
        return None if finished else runner.state

    def _progress(self, state: running.State) -> None:
        ahead = state.seconds_left
        left = "" if ahead is None else f" · {format_remaining(ahead)} left"
        reading_ = f" · reading question {line(state.reading, 40)}" if state.reading else ""
        self._console.progress(
            f"{format_bar(state.done, state.total)} {state.done:,} of "
            f"{counted(state.total, 'sample')}{left}{reading_}",
            at_once=True,
        )

    def _stopped(self, state: running.State, results: Results) -> int:
        self._console.note(
            f"stopped: {state.done:,} of {counted(state.total, 'sample')} "
            f"{noun(state.done, 'is', 'are')} kept in "
            f"{line(str(results.path))}; the same command resumes from there"
        )
        return self._interrupts.code or ExitCode.INTERRUPTED

    def _show(
        self,
        plan: Plan,
        asked: QuestionSet,
        conditions: Conditions,
        engine: Engine,
        results: Results,
    ) -> None:
        info, out, same = engine.info, self._out, self._checker.same
        again = running.judged(results, plan, self._checker)

        def right(sample: Sample) -> bool:
            return again.get((sample.question, sample.final or ""), sample.right)

        found = effects.effects(plan, self._interventions, results.samples, right=right, same=same)
        plan = plan.unsteered
        summary = summarise(plan, results.samples, right=right, same=same)
        try:
            samples = results.samples.values()
            curves.remember(info, conditions.model, asked, summary, samples)
        except OSError as error:
            self._console.note(f"the slider will not know of it: {error.strerror}")
        if self._args.format == "json":
            values = report.document(summary, plan, asked, info, conditions, results)
            steered = steering.document(found, effects.wordings(found))
            write_json(out, {**values, "steering": steered} if self._interventions else values)
        else:
            title = _title(asked, plan, engine, conditions)
            out.write(self._plain(self._text(summary, plan, title) + _steered(found, _width())))
        if self._args.png is not None:
            path = paths.named(self._args.png)
            picture.save(summary, plan, _title(asked, plan, engine, conditions), path)
            self._console.aside(f"drawn into {line(str(path), 500)}")
        self._console.aside(f"all samples: {line(str(results.path), 500)}")

    def _text(self, summary: Summary, plan: Plan, title: str) -> str:
        head, rows, figures = drawing.table(summary, plan)
        picture_lines = drawing.chart(summary, _width(), unicode=self._out.unicode)
        parts = [line(title, 500), columns(head, rows, right=figures).rstrip("\n"), ""]
        parts += picture_lines
        tables = (
            drawing.spared(summary, plan),
            drawing.sureness(summary),
            drawing.reliability(summary),
        )
        for shown, cells, right in tables:
            parts += ["", columns(shown, cells, right=right).rstrip("\n")] if cells else []
        parts += ["", harm] if (harm := drawing.harm(summary)) else []
        if summary.flattens_at is not None:
            name = counted(summary.flattens_at, "token") if summary.flattens_at else '"off"'
            parts += ["", f"More thinking than {name} made it no better on these questions."]
        return "\n".join(parts) + "\n"

    def _plain(self, text: str) -> str:
        return text if self._out.unicode else re.sub("[–·−→]", "-", re.sub("[“”]", '"', text))


def _width() -> int:
    return min(shutil.get_terminal_size().columns, _WIDEST)


def _steered(found: Sequence[Effect], width: int) -> str:
    """What steering did, below the figures of what was left alone."""
    if not found:
        return ""
    names, ranked = steering.Names(found), effects.wordings(found)
    parts = [""]
    for head, rows, right in (steering.table(found, names), steering.ranking(ranked, names)):
        parts += [columns(head, rows, right=right).rstrip("\n"), ""] if rows else []
    parts += [*textwrap.wrap(steering.KEY, width), "", *names.legend()]
    verdicts = steering.verdicts(ranked, names)
    parts += ["", *verdicts] if verdicts else []
    return "\n".join(parts) + "\n"


def _title(asked: QuestionSet, plan: Plan, engine: Engine, conditions: Conditions) -> str:
    info, sampling = engine.info, conditions.sampling
    several = f"{counted(plan.samples, 'sample')} each"
    seeds = ", ".join(map(str, plan.seeds))
    model = f"{info.ref} ({info.quant})" if info.quant else info.ref
    return (
        f"{model} · {counted(len(plan.questions), 'question')} of {asked.name} · {several}, "
        f"temperature {sampling.temperature:g}, seed {seeds}"
    )
