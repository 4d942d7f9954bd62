"""The tests of concurrency and of migrations once more, on PostgreSQL."""

import pytest

from tests.postgresql import run_on_postgresql

REPEATED = {
    "log/test_events": [
        "eight_threads",
        "reader_beside_writers",
        "whose_lease_is_gone",
        "no_database",
    ],
    "log/test_follow": ["every_position", "reconnecting", "without_waiting_for_the_poll"],
    "work/test_runner": [
        "what_its_loop_said",
        "receiver_that_fails",
        "twice_at_once",
        "only_so_many",
    ],
    "work/test_recovery": ["kill_9", "two_processes", "last_moment", "only_one_takes_over"],
    "loops/test_decisions": ["allowed_it_goes_on", "eight_people", "same_word_again"],
    "test_migrations": ["become_values"],
}


@pytest.mark.services
def test_the_log_and_the_runner_hold_on_postgresql():
    files = [f"tests/agents/{name}.py" for name in REPEATED]
    words = " or ".join(word for words in REPEATED.values() for word in words)
    said = run_on_postgresql(files, "-k", words)
    assert f"{sum(map(len, REPEATED.values()))} passed" in said
