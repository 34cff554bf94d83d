"""Complete digits that were not read, or stand between two, from the previous value."""

from __future__ import annotations

from mnist_edge.monitoring.readings import UNREAD


def explain_wheels(text: str, before: str) -> str | None:
    """Return the text that wheels between two digits explain, or None.

    A wheel turns while the one to its right goes from 9 to 0: meanwhile it shows two halves, which
    are read as the digit before, as the next, or not at all. From right to left, each such digit is
    that of the previous value, or the next if the digits to its right began again since.

    Args:
        text: the digits, ``?`` for each that was not read.
        before: those of the previous value, as many.
    """
    digits = list(text)
    for place in reversed(range(len(digits) - 1)):
        right = "".join(digits[place + 1 :])
        if right[0] not in "09" or UNREAD in right:
            continue
        wheel = (int(before[place]) + (right < before[place + 1 :])) % 10
        other = (wheel + 1 if right[0] == "9" else wheel - 1) % 10
        if digits[place] in (str(other), UNREAD):
            digits[place] = str(wheel)
    explained = "".join(digits)
    return explained if UNREAD not in explained and explained != text else None


def fill_unread(text: str, before: str) -> str | None:
    """Return the text completed from the previous value; None if the digits read contradict it.

    Args:
        text: the digits, ``?`` for one or more that were not read.
        before: those of the previous value, as many.
    """
    if 2 * text.count(UNREAD) > len(text):
        return None
    last = text.rindex(UNREAD)
    left_agrees = all(
        digit in (UNREAD, old) for digit, old in zip(text[:last], before[:last], strict=True)
    )
    right_agrees = text[last + 1 :] >= before[last + 1 :]
    return before[: last + 1] + text[last + 1 :] if left_agrees and right_agrees else None
