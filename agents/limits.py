"""How many steps a run for a goal may take."""

DEFAULT_ITERATIONS, MOST_ITERATIONS = 10, 100
