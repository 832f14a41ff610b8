"""Stage 11: advice on what to do, without labels."""
