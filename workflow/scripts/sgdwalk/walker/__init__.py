"""The toy model: terrains, walks on them, their basins and valleys."""
