"""Stage 9: many runs, shared among processes, killed, failed and taken up again."""
