"""What the benchmark of goals takes for an answer, and the goals themselves."""

from __future__ import annotations

import pytest

from benchmarks.goals import FILES, Result, goals_of, is_expected


@pytest.mark.parametrize(
    ("answer", "expected", "is_right"),
    [
        ("12 * 4 = 48", ["48"], True),
        ("48, from 12 and 4", ["48"], False),
        ("It is 1,024.", ["1024"], True),
        ("26.50 euros", ["26.5"], True),
        ("nothing", ["0"], False),
        ("It was a sunday.", ["Sunday"], True),
        ("Sundays", ["Sunday"], False),
        ("mind the gap", ["MIND THE GAP"], False),
        ("apple, cherry, pear", ["apple, cherry, pear"], True),
        ("on 2025-12-05", ["2025-12-05"], True),
        ("false", ["no", "false"], True),
        ("not", ["no", "false"], False),
    ],
)
def test_an_answer_is_compared_with_what_is_expected(
    answer: str, expected: list[str], is_right: bool
) -> None:
    assert is_expected(answer, expected) is is_right


def test_a_goal_is_reached_by_a_run_that_has_finished_only() -> None:
    assert Result("k", "g", "4", has_finished=True, is_right=True, steps=2, seconds=1).is_reached
    assert not Result(
        "k", "g", "4", has_finished=False, is_right=True, steps=2, seconds=1
    ).is_reached


def test_no_goal_is_in_both_sets() -> None:
    goals = [entry["goal"] for name in FILES for entry in goals_of(name)]
    assert len(goals) == len({goal.lower() for goal in goals}) == 80
    assert all(entry["answers"] for name in FILES for entry in goals_of(name))
