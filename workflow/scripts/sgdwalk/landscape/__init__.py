"""The loss around the weights: planes, lines and surfaces."""
