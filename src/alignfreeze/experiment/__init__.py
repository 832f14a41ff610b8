"""Stage 8: one run, from its settings to its record."""
