"""Side-by-side timings: ratios within one run, never absolute promises."""
