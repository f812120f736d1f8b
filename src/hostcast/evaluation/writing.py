"""Writing an evaluation: tables, figures, headline numbers and the report."""

from __future__ import annotations

from pathlib import Path

from hostcast.evaluation.evaluate import Evaluation
from hostcast.evaluation.figures import draw_figures
from hostcast.evaluation.report import render_report
from hostcast.files import write_json, write_text
from hostcast.paths import EVALUATE_METRICS, EVALUATE_PLOTS, EVALUATE_TABLES, REPORT

__all__ = ["write_evaluation"]


def write_evaluation(
    evaluation: Evaluation,
    *,
    metrics: Path = EVALUATE_METRICS,
    tables: Path = EVALUATE_TABLES,
    plots: Path = EVALUATE_PLOTS,
    report: Path = REPORT,
) -> None:
    """Write everything the stage `evaluate` makes beside the forecasts themselves; same input, same bytes.

    Args:
        evaluation: what to write.
        metrics: JSON file of the headline numbers.
        tables: folder of CSV files.
        plots: folder of SVG files.
        report: the HTML page.
    """
    figures = draw_figures(evaluation)
    page = render_report(evaluation, figures)
    for name, table in evaluation.tables.items():
        write_text(tables / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    for name, svg in figures.files().items():
        write_text(plots / name, svg)
    write_json(metrics, evaluation.headline)
    write_text(report, page)
