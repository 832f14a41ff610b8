"""Stage 5: bring the vectors of translations closer together."""
