"""Charts of a verification: what was predicted, with its interval, and then measured; and the scalability law."""

from collections.abc import Sequence
from math import nan

import numpy as np

from capacity.prediction.verify import Compared, Verification
from capacity.queueing.usl import Usl
from reports.charts import BLUE, GREY, ORANGE, chart, plain_log


def compared(title: str, points: Sequence[tuple[int, Compared]]) -> str:
    """One figure over the steps: intervals as bars, what was measured as points."""
    people = [number for number, _ in points]
    with chart(height=2.2) as (axes, svg):
        for number, figure in points:
            predicted = figure.predicted
            axes.plot([number, number], [predicted.low, predicted.high], color=BLUE, lw=6, alpha=0.3)
        predictions = [figure.predicted.value for _, figure in points]
        axes.plot(people, predictions, "_-", color=BLUE, lw=1, ms=9, label="predicted, 90 % of runs")
        axes.plot(people, [f.measured for _, f in points], "o", color=ORANGE, ms=5, label="measured")
        if points[0][1].unit == "ms":
            # Near a full machine an interval reaches to a hundred times the latency.
            axes.set_yscale("log")
            plain_log(axes.yaxis)
        else:
            axes.set_ylim(bottom=0)
        axes.set_ylabel(points[0][1].unit)
        axes.set_xlabel("people at once")
        axes.set_title(title, fontsize=9, loc="left")
        axes.legend(fontsize=8)
    return svg()


def figures(found: Verification) -> list[tuple[str, list[tuple[int, Compared]]]]:
    """What is worth a chart, by title: throughput, the machine, and each target's p95."""
    shown: dict[str, list[tuple[int, Compared]]] = {}
    for step in found.steps:
        for figure in step.figures:
            if figure.key in ("requests_per_s", "utilisation_machine") or figure.key.endswith("_p95_ms"):
                shown.setdefault(figure.title, []).append((step.people, figure))
    return list(shown.items())


def scaling(law: Usl) -> str:
    """Measured throughput and the law's, as far as it is evidence."""
    people = np.linspace(0, 1.1 * max(law.people), 200)
    known = [nan if (one := law.predicted_per_s(n)) is None else one for n in people]
    with chart(height=2.4) as (axes, svg):
        axes.plot(people, known, color=BLUE, lw=1.3, label="the law")
        axes.plot(people, law.gamma * people, color=GREY, lw=1, ls="--", label="if nobody waited")
        axes.plot(law.people, law.measured_per_s, "o", color=ORANGE, ms=5, label="measured")
        axes.set_ylim(0, 1.2 * max(law.measured_per_s))
        axes.set_ylabel("requests/s")
        axes.set_xlabel("people at once")
        axes.legend(fontsize=8)
    return svg()


def residuals(law: Usl) -> str:
    """What the law leaves over, by people, in per cent."""
    with chart(height=1.8) as (axes, svg):
        axes.axhline(0, color=GREY, lw=1)
        axes.plot(law.people, [100 * value for value in law.residuals], "o", color=ORANGE, ms=5)
        axes.set_ylabel("measured / law - 1, %")
        axes.set_xlabel("people at once")
    return svg()
