"""Stage 4: the one loop that realignment and fine-tuning share."""
