"""Stage 4: pull translations together."""
