"""A training run or a saved model as one HTML file that needs nothing else: no network, no script, no other file."""

from fastnet.report.page import html_report, write_report

__all__ = ["html_report", "write_report"]
