"""Stage 10: what runs show: results, statistics, comparison."""
