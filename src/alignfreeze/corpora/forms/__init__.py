"""The forms in which bitext comes, one file per form."""
