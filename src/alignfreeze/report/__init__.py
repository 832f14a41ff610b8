"""Stage 8: read the outcome."""
