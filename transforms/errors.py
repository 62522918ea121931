"""The errors of this program.

VitrineError
├── UserError       the job cannot be done as asked; its message is the whole answer (exit 2)
└── RefusalError    one photo or event cannot go on; it ends as a dead letter and the rest goes on
"""

from transforms.reasons import REFUSALS


class VitrineError(Exception):
    """The root of all errors that this program raises on purpose."""


class UserError(VitrineError):
    """What was asked cannot be done: one sentence that says why and what to do, shown without a traceback."""


class RefusalError(VitrineError):
    """One photo or event cannot go on: a code of `REFUSALS` and one sentence."""

    def __init__(self, code: str, message: str):
        if code not in REFUSALS:
            raise ValueError(f"no such refusal code: {code}")
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type["RefusalError"], tuple[str, str]]:
        return RefusalError, (self.code, self.message)
