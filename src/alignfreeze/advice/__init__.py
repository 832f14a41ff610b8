"""Stage 11: what to do, told without labels."""
