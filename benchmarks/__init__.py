"""What `make bench` runs: our work and the bare work that does the same, side by side in one run, as ratios."""
