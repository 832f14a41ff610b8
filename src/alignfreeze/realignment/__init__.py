"""Stage 5: pull translations together."""
