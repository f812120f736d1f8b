"""The HTML report of an evaluation."""

from hostcast.evaluation.report.page import render_report

__all__ = ["render_report"]
