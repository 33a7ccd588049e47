"""Every error a user can meet, and the exit code each one ends a command with.

    OutcomeError            (never raised itself)
    ├── LostCase            (ends one case, never a command) the worker process died on it, or its time was up
    ├── UsageError          exit 2   the command line asks for something impossible
    └── Refusal             exit 3   the data, the study file, the store or the bundle is refused
        ├── ConfigRefusal            a study file or an override
        ├── DataRefusal              a table, a dictionary or an image
        ├── BundleRefusal            a bundle that is damaged, foreign or from another version
        └── StoreRefusal             a store in use, unwritable or full

Exit code 1 is reserved for our own bugs, 4 for "done, but some cases failed" and 5 for "done, and an alarm was asked to
be told by the exit code" (see `EXIT_CODES`): whoever schedules a run must tell drift from files that fail.
A message says what was expected, what was found, and what to do next; it carries counts and case
identifiers at most, never a patient's value.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_SOME_FAILED = 4
EXIT_ALARM = 5
EXIT_INTERRUPTED = 130  # as shells say of a process ended by Ctrl-C

EXIT_CODES = {
    EXIT_OK: "done",
    EXIT_BUG: "a bug of ours; please report it",
    EXIT_USAGE: "the command line cannot be understood",
    EXIT_REFUSED: "the data, study file, store or bundle is refused",
    EXIT_SOME_FAILED: "done, but some cases failed (named)",
    EXIT_ALARM: "done, and `outcome monitor --fail-on-alarm` raised an alarm",
}


class OutcomeError(Exception):
    """An error meant for the user: shown without a traceback, ends the command with `exit_code`."""

    exit_code = EXIT_BUG

    def __init__(self, message: str, *, expected: str = "", found: str = "", next_step: str = "") -> None:
        self.message, self.expected, self.found, self.next_step = message, expected, found, next_step
        super().__init__(self.render())

    def render(self) -> str:
        """The message on one or more lines, with the parts that are known."""
        parts = [self.message]
        for label, text in (("expected", self.expected), ("found", self.found), ("next step", self.next_step)):
            if text:
                parts.append(f"  {label}: {text}")
        return "\n".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild across process borders with all parts (the default keeps only the rendered text)."""
        return (_rebuild, (type(self), self.message, self.expected, self.found, self.next_step))


class LostCase(OutcomeError):
    """The worker process died on a case, or the case's time was up: the case failed, the command goes on."""


class UsageError(OutcomeError):
    """The command line asks for something impossible."""

    exit_code = EXIT_USAGE


class Refusal(OutcomeError):
    """What was handed over cannot be used as it is."""

    exit_code = EXIT_REFUSED


class ConfigRefusal(Refusal):
    """A study file or an override is not acceptable."""


class DataRefusal(Refusal):
    """A table, a dictionary or an image is not acceptable."""


class BundleRefusal(Refusal):
    """A bundle is damaged, foreign or from another version."""


class StoreRefusal(Refusal):
    """A store is in use, unwritable or full."""


def _rebuild(kind: type[OutcomeError], message: str, expected: str, found: str, next_step: str) -> OutcomeError:
    return kind(message, expected=expected, found=found, next_step=next_step)
