"""What Cortex is measured against: programs that the benchmarks start."""
