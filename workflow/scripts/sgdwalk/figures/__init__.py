"""The look of figures, and the panels they are put together from."""
