"""The one error that images and masks end in: `ImageRefusal`, with a stable code and a remedy."""

from __future__ import annotations


class ImageRefusal(ValueError):
    """An image or a mask that cannot be vouched for.

    `code` is a stable snake_case name. The text says what was expected, what was found and what to do next; it
    carries file names and counts at most.
    """

    def __init__(self, code: str, message: str, *, expected: str = "", found: str = "", next_step: str = "") -> None:
        self.code, self.message = code, message
        self.expected, self.found, self.next_step = expected, found, next_step
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
        return (_rebuild, (self.code, self.message, self.expected, self.found, self.next_step))


def _rebuild(code: str, message: str, expected: str, found: str, next_step: str) -> ImageRefusal:
    return ImageRefusal(code, message, expected=expected, found=found, next_step=next_step)
