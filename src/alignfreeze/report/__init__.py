"""Stage 12: read it: tables, pages, notes."""
