"""A gate as Markdown: the verdict first, then the table, then details that fold."""

import html
import re
from collections.abc import Iterator, Sequence

from capacity.gate.result import GateResult
from reports.gate_rows import columns, measured_rows, rows, trend_text, warm_up_text
from scenarios.outcome import Verdict
from scenarios.texts import visible

# GitHub drops a step summary beyond 1 MiB and refuses a comment beyond 64 KiB; the note at the end must fit, too.
SUMMARY_BYTES = 2**20 - 1024
COMMENT_BYTES = 2**16 - 1024
_MARKS = {
    Verdict.PASS: "✅",
    Verdict.FAIL: "❌",
    Verdict.INCONCLUSIVE: "❔",
    Verdict.INVALID: "🚫",
    Verdict.ERROR: "❌",
    Verdict.SKIPPED: "⚪",
}
_REASONS_SHOWN = 20
_TITLE = {"absolute": "targets", "relative": "against the baseline", "duel": "duel"}


def markdown(result: GateResult, bytes_max: int = SUMMARY_BYTES) -> str:
    """At most `bytes_max` bytes: details are left out from the end, and it says so."""
    text = _head(result)
    left_out = 0
    for detail in _details(result):
        if len((text + detail).encode()) <= bytes_max:
            text += detail
        else:
            left_out += 1
    if len(text.encode()) > bytes_max:  # a table of thousands of endpoints
        text = text.encode()[:bytes_max].decode(errors="ignore").rpartition("\n")[0] + "\n\n"
        left_out += 1
    return text + (f"\n{left_out} parts did not fit; the JSON of the gate has everything.\n" if left_out else "")


def _head(result: GateResult) -> str:
    lines = [
        f"## {_MARKS[result.verdict]} {result.verdict.upper()}: {escaped(result.scenario)}, {_TITLE[result.kind]}",
        "",
    ]
    lines += [f"- {escaped(reason)}" for reason in result.reasons[:_REASONS_SHOWN]]
    if len(result.reasons) > _REASONS_SHOWN:
        lines.append(f"- and {len(result.reasons) - _REASONS_SHOWN} more")
    lines.append("")
    for title, found in rows(result):
        decisive = [row for row in found if row.shown]
        cells = [
            (r.title, r.value, r.interval, r.limit, f"{_MARKS[r.verdict]} {r.verdict_text}", r.note) for r in decisive
        ]
        lines += [f"**{escaped(title)}**", "", *_table((*columns(result), "Verdict", ""), cells), ""]
    return "\n".join(lines) + "\n"


def _details(result: GateResult) -> Iterator[str]:
    for title, found in rows(result):
        others = [row for row in found if not row.shown]
        cells = [
            (r.title, r.value, r.interval, r.limit, f"{_MARKS[r.verdict]} {r.verdict_text}", r.note) for r in others
        ]
        if cells:
            title = f"Endpoints, typical latencies and stations: {title}"
            yield _folded(title, _table((*columns(result), "Verdict", ""), cells))
    if result.trends:
        yield _folded("History", [f"- {escaped(trend_text(trend))}" for trend in result.trends])
    if result.left_out:
        yield _folded(f"{len(result.left_out)} runs were not counted", [f"- {escaped(why)}" for why in result.left_out])
    head = ("", "", "Measured", "Interval", "Count", "Failed")
    for run in result.runs:
        yield _folded(f"Endpoints of {run.run}", _table(head, measured_rows(run.endpoints)))
        yield _folded(
            f"Stages of {run.run}", [escaped(warm_up_text(run)), "", *_table(head, measured_rows(run.stages))]
        )
    yield _folded("How this was judged", [f"- {escaped(line)}" for line in how(result)])


def how(result: GateResult) -> Iterator[str]:
    """The rules that were applied, and the machine, a sentence each."""
    rules, machine = result.rules, result.machine
    if result.comparison:
        yield (
            f"A slowdown fails when it is significant (at most {rules.false_alarms_share:.1%} of comparisons without a "
            f"change fail, over all endpoints together) and at least {rules.min_effect_share:.0%}."
        )
        yield (
            f"A pass rules out a slowdown of every target by {rules.rule_out_share:.0%}; it is wrong about that in "
            f"{rules.missed_share:.0%} of cases at most. What lies between is inconclusive."
        )
        yield "'fails from' is the smallest slowdown that would have failed in 95 of 100 such comparisons."
        if result.comparison.cpu:
            consequence = "a failure" if rules.more_cpu_fails else "a warning"
            yield f"CPU a request that surely grew, and by at least {rules.min_effect_share:.0%}, is {consequence}."
        if not result.comparison.paired:
            yield (
                "The two groups were not measured in turn: what the machine did differently meanwhile counts as a "
                "change of the backend. A duel leaves it out."
            )
    else:
        yield (
            f"A target passes or fails when that is sure at {rules.confidence:.0%}; slow moments in a row count as the "
            "few independent observations that they are."
        )
    if result.noise:
        yield f"The machine's noise floor counts: {result.noise.pairs} pairs, {result.noise.measured_at:%Y-%m-%d}."
    else:
        yield "The noise floor of this machine under this load is not known; `matchday duel --same` measures it."
    yield f"Machine: {machine.cpus} × {machine.cpu_model}, {machine.memory_mb:,} MB, {machine.system}."


def _table(head: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    align = ["---", *("---:" for _ in head[1:-2]), "---", "---"]
    return [_line(head), _line(align), *(_line([escaped(cell) for cell in row]) for row in cells)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _folded(title: str, lines: Sequence[str]) -> str:
    return f"<details><summary>{_words(title)}</summary>\n\n" + "\n".join(lines) + "\n\n</details>\n\n"


def escaped(text: str) -> str:
    """Names come from whoever wrote the record: what `_words` keeps out, and no Markdown, no end of a cell."""
    return re.sub(r"([\\|`*_\[\]#])", r"\\\1", _words(text))


def _words(text: str) -> str:
    """For where Markdown means nothing: no HTML, no link, no new line, nobody called."""
    escaped = html.escape(visible(" ".join(text.split())), quote=False)
    # A backslash does not keep GitHub from linking @names, #numbers and addresses, a space of no width does.
    return re.sub(r"([@#](?=\w)|://|\b(?:www\.|GH-))", "\\1\u200b", escaped)
