"""An evaluation as the object that `r1chat eval --format json` prints; docs/evaluation.md."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from r1chat.engine.base import ModelInfo
from r1chat.evaluation.calibration import Calibration
from r1chat.evaluation.fewer import Fewer
from r1chat.evaluation.intervals import Estimate
from r1chat.evaluation.plan import Conditions, Plan, Setting
from r1chat.evaluation.reading import QuestionSet
from r1chat.evaluation.results import Results
from r1chat.evaluation.summary import Row, Summary

SCHEMA = 1
"""Grows when a reader of the old form would be misled by the new one."""
_DECIMALS = 4


def document(
    summary: Summary,
    plan: Plan,
    asked: QuestionSet,
    info: ModelInfo,
    conditions: Conditions,
    results: Results,
) -> dict[str, Any]:
    """All figures of an evaluation."""
    return {
        "schema": SCHEMA,
        "model": {"ref": info.ref, "path": info.path, "arch": info.arch, "quant": info.quant},
        "conditions": conditions.as_json(),
        "questions": {"name": asked.name, "path": str(asked.path), "count": len(plan.questions)},
        "samples": plan.samples,
        "seeds": list(plan.seeds),
        "rows": [_row(row) for row in summary.rows],
        "flattens_at": summary.flattens_at,
        "sure_of_final": _calibration(summary.sure_of_final),
        "results": str(results.path),
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        **setting_of(row.setting),
        "questions": row.questions,
        "samples": row.samples,
        "pass1": estimate(row.pass1),
        "consensus": estimate(row.consensus),
        "gain": estimate(row.gain),
        "fewer": _fewer(row.fewer),
        "against_off": estimate(row.against_off),
        "against_none": estimate(row.against_none),
        "thought_tokens": round(row.thought_tokens, 1),
        "answer_tokens": round(row.answer_tokens, 1),
        "seconds": round(row.seconds, _DECIMALS),
        "thoughts_ended_by": dict(row.thoughts_ended_by),
        "answers_ended_by": dict(row.answers_ended_by),
        "without": row.without,
        "short": row.short,
        "sure_of_final": _calibration(row.sure_of_final),
        "sure_of_answer": _calibration(row.sure_of_answer),
        "sure_of_thought": _calibration(row.sure_of_thought),
    }


def _fewer(found: Fewer | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "right": round(found.right, _DECIMALS),
        "lead": estimate(found.lead),
        "samples": round(found.samples, 2),
        "tokens": estimate(found.tokens),
    }


def _calibration(found: Calibration | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "samples": found.samples,
        "confidence": round(found.confidence, _DECIMALS),
        "right": round(found.right, _DECIMALS),
        "ece": estimate(found.ece),
        "auroc": estimate(found.auroc),
        "bins": [
            {
                "low": each.low,
                "high": each.high,
                "samples": each.samples,
                "confidence": round(each.confidence, _DECIMALS),
                "right": estimate(each.right),
            }
            for each in found.bins
        ],
    }


def setting_of(setting: Setting) -> dict[str, Any]:
    """A setting by its parts."""
    return {
        "budget": setting.budget,
        "minimum": setting.minimum,
        "think": setting.think,
        "language": setting.language,
    }


def estimate(found: Estimate | None) -> dict[str, float] | None:
    """A figure with its interval, rounded."""
    if found is None:
        return None
    return {name: round(value, _DECIMALS) for name, value in asdict(found).items()}
