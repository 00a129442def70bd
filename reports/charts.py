"""Charts as inline SVG: crisp at any size, no script, nothing to load. The only module that draws."""

import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isnan

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from capacity.targets import API_SAMPLES
from loadtests.record import Latency, Record

# Okabe & Ito's palette: told apart by people with any colour vision.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, GREY = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#B00020",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#8A8F98",
)
_STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "svg.fonttype": "path",  # looks the same wherever it opens
    "svg.hashsalt": "matchday",  # the same chart is the same file
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#E3E6EA",
    "axes.axisbelow": True,
    "xtick.color": "#4A4F57",
    "ytick.color": "#4A4F57",
    "legend.frameon": False,
    "text.parse_math": False,  # a name with $ in it is no formula
}
_WIDE = (7.2, 2.6)
# Chosen so that a chart of half an hour stays as small as one of a minute.
POINTS_MAX = 600
ROWS_MAX, LETTERS_MAX = 50, 60


def latency_over_time(record: Record, limit_ms: float | None) -> str:
    """p50, p95 and p99 of the API, second by second, with the target as a line."""
    with chart() as (axes, svg):
        colours = {99: YELLOW, 95: ORANGE, 50: BLUE}
        seconds, values = record.per_second(API_SAMPLES, tuple(colours))
        for percentile, colour in colours.items():
            points = _thinned(_since_start(record, seconds), values[percentile])
            axes.plot(*points, color=colour, lw=1.3, label=f"p{percentile}")
        if limit_ms:
            axes.axhline(limit_ms, color=RED, lw=1, ls="--", label=f"target (p95) {limit_ms:g} ms")
        axes.set_yscale("log")
        plain_log(axes.yaxis)
        axes.set_ylabel("ms")
        _time_axis(axes, record)
    return svg()


def users_and_requests(record: Record) -> str:
    """How many people, how many requests a second, how many of them failed."""
    with chart() as (axes, svg):
        _plot_columns(axes, record, {"users": ("people", GREY), "requests": ("requests/s", BLUE)})
        _plot_columns(axes, record, {"failures": ("failures/s", RED)})
        axes.set_ylim(bottom=0)
        _time_axis(axes, record)
    return svg()


def resources(record: Record) -> str:
    """CPU cores in use by every station and by the generator."""
    colours = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW)
    with chart() as (axes, svg):
        columns = {
            f"cpu_cores_{name}": (name, colour) for name, colour in zip(record.run.stations, colours * 3, strict=False)
        }
        _plot_columns(axes, record, columns)
        _plot_columns(axes, record, {"machine_cpu_cores": ("whole machine", GREY)})
        axes.set_ylim(bottom=0)
        axes.set_ylabel("CPU cores")
        _time_axis(axes, record)
    return svg()


def percentiles(latencies: Mapping[str, Latency]) -> str:
    """p50, p95 and p99 of every request, slowest p95 on top; of very many, the slowest."""
    known = ((n, x) for n, x in latencies.items() if x.p95 is not None)
    rows = sorted(known, key=lambda row: row[1].p95 or 0)[-ROWS_MAX:]
    with chart(height=0.6 + 0.24 * max(len(rows), 3)) as (axes, svg):
        places = range(len(rows))
        for row, (_, latency) in enumerate(rows):
            axes.plot([latency.p50 or 0, latency.p99 or latency.p95 or 0], [row, row], color="#C9CED6", lw=3, zorder=1)
        for field, colour in (("p50", BLUE), ("p95", ORANGE), ("p99", YELLOW)):
            values = [_or_nan(getattr(latency, field)) for _, latency in rows]
            axes.scatter(values, places, s=22, color=colour, label=field, zorder=2)
        axes.set_yticks(list(places), [printable(name) for name, _ in rows])
        axes.set_xscale("log")
        plain_log(axes.xaxis)
        axes.set_xlabel("ms")
        axes.grid(axis="x", color="#E3E6EA")
        axes.grid(axis="y", visible=False)
        axes.legend(ncols=3, loc="lower right", bbox_to_anchor=(1, 1))
    return svg()


@contextmanager
def chart(height: float | None = None) -> Iterator[tuple[Axes, Callable[[], str]]]:
    """A figure in our style; call what comes with it, after the block, for the SVG."""
    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]  # the stubs want a literal for each key
        figure = Figure(figsize=(_WIDE[0], height or _WIDE[1]), layout="constrained")
        axes = figure.add_subplot()
        out = io.StringIO()
        yield axes, out.getvalue
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # a letter that no font here has is drawn as a box
            figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    out.write(text[text.index("<svg") :])  # without XML declaration and doctype: it stands inside HTML


def printable(name: str) -> str:
    """A name comes from whoever wrote the record: no font has control characters, and some names are very long."""
    text = "".join(letter if letter.isprintable() else " " for letter in name)
    return text if len(text) <= LETTERS_MAX else f"{text[: LETTERS_MAX - 1]}…"


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def plain_log(axis: Axis) -> None:
    """1, 2, 5, 10 ... in plain figures."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _since_start(record: Record, seconds: Sequence[float | None]) -> list[float]:
    start = record.run.started_at.timestamp()
    return [(second or start) - start for second in seconds]


def _plot_columns(axes: Axes, record: Record, columns: Mapping[str, tuple[str, str]]) -> None:
    x = _since_start(record, record.series["second"])
    for column, (label, colour) in columns.items():
        values = record.series.get(column, [])
        if any(value is not None for value in values):
            y = [_or_nan(value) for value in values]
            axes.plot(*_thinned(x, y), color=colour, lw=1.3, label=printable(label))


def _thinned(x: Sequence[float], y: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
    """The worst of each stretch, so that a peak is never thinned away."""
    stretch = -(-len(x) // POINTS_MAX) or 1
    stretches = (range(i, min(i + stretch, len(x))) for i in range(0, len(x), stretch))
    worst = [max(places, key=lambda k: -1.0 if isnan(y[k]) else y[k]) for places in stretches]
    return [x[i] for i in worst], [y[i] for i in worst]


def _time_axis(axes: Axes, record: Record) -> None:
    axes.set_xlabel("seconds since the start; shaded: measured")
    if record.measured:
        start, end = _since_start(record, record.measured)
        axes.axvspan(start, end, color="#F2F5F9", zorder=0, lw=0)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
