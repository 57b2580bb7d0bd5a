"""Networks by name: those of the study, and other depths and widths of their families."""
