"""What every layer uses: errors, cancellation, the async bridge; in any process."""
