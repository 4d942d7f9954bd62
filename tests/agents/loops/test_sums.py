"""What is a sum and what is none. No database, no model."""

import pytest

from agents.loops.sums import sum_of

SUMS = [
    f"{lead}{body}"
    for lead in ("", "What is ", "How much is ", "calculate ")
    for body in (
        "17*23",
        "12 times 12",
        "144 divided by 12?",
        "17 * 23 =",
        "15% of 80",
        "(3+4)*5",
        "1,200 + 34",
        "2^10",
        "7 x 8",
        "1.5 * 4",
        "9 plus -3",
    )
]
NONE = [
    "call 911", "2024-2025 season", "top 10", "2024-2025", "555-1234", "+1 555 123 4567",
    "1/2/2024",
    "2024-11-28", "28.11.2026", "v1.2.3", "1.2.3", "192.168.0.1", "10", "What is 42?", "Hello", "",
    "print(1+1)", "x = 1 + 2", "a*b", "2 + x", "What is 2 + x?", "1 +", "* 3", "(1+2", "1+2)", "()",
    "What is love?", "What is 7-eleven?", "24/7", "9-5", "50/50", "1-800-555-0199", "C++ 17",
    "3 apples + 4 pears", "What is 2024-11-28?", "what's 11/28/2026", "10%", "100% of people",
    "15% off", "How much is a car?", "python 3.12", "Room 12-14", "chapters 3-5", "pages 10-20",
    "1, 2, 3", "1 2 3", "16:9", "4k", "4x4 car", "10:30-11:30", "USB 3.0", "$5 + $6", "1e5 files",
    "(020) 7946 0018", "1//2", "1 ++ 2", "3***4", "Why is 17*23 391?", "17*23 in French",
    "write 2+2 as a poem", "1" * 100 + "+" + "1" * 100, "2+2\nand then a story", "What is 5!",
]  # fmt: skip


@pytest.mark.parametrize("text", SUMS)
def test_a_sum(text: str) -> None:
    assert sum_of(text)


@pytest.mark.parametrize("text", NONE)
def test_no_sum(text: str) -> None:
    assert sum_of(text) is None


def test_the_expression() -> None:
    assert sum_of("What's 15% of 80?") == "15/100*80"
    assert sum_of("What is 12 times 12?") == "12*12"
    assert sum_of("1,200 ÷ 3 =") == "1200/3"
