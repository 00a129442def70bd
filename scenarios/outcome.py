"""Verdicts, exit codes and the base of our errors: the words in which every command answers.

MatchdayError            a sentence that says what to do; never shown as a traceback
└── UsageError           wrong usage or configuration (exit code 2)
"""

from enum import IntEnum, StrEnum


class ExitCode(IntEnum):
    """What a command's exit code means; `docs/exit-codes.md` says it to people."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    INCONCLUSIVE = 3
    INVALID = 4
    INTERRUPTED = 130


class Verdict(StrEnum):
    """What a measured quantity says about its target."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    ERROR = "error"  # nothing measured what was to be judged
    SKIPPED = "skipped"  # the scenario says that it is not judged

    @property
    def exit_code(self) -> ExitCode:
        match self:
            case Verdict.ERROR:
                return ExitCode.USAGE
            case Verdict.SKIPPED:
                return ExitCode.PASS
        return ExitCode[self.name]


class MatchdayError(Exception):
    """An error whose text is a sentence for the person at the terminal."""

    exit_code = ExitCode.USAGE


class UsageError(MatchdayError):
    """Wrong usage or configuration: nothing was started, nothing is lost."""
