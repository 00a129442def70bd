"""The pages of a verification: predicted beside measured, and the scalability law as a diagnostic."""

from pathlib import Path

from capacity.prediction.verify import BELOW, Verification
from reports import verification_charts
from reports.html import templates

PAGE, LAW_PAGE = "verification.html", "scaling.html"


def write_pages(found: Verification, folder: Path) -> Path:
    """Both pages, in the verification's folder. Returns the first one's path."""
    shown = verification_charts.figures(found)
    page = templates.get_template("verification.html").render(
        found=found,
        below=BELOW,
        charts=[verification_charts.compared(title, points) for title, points in shown],
        law_page=LAW_PAGE if found.scaling else "",
    )
    (folder / PAGE).write_text(page, encoding="utf-8")
    if law := found.scaling:
        text = templates.get_template("scaling.html").render(
            scenario=found.scenario,
            law=law,
            curve=verification_charts.scaling(law),
            residuals=verification_charts.residuals(law),
        )
        (folder / LAW_PAGE).write_text(text, encoding="utf-8")
    return folder / PAGE
