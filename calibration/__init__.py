"""How often intervals hold the truth, on walks whose truth is known: `python -m calibration`."""
