"""What `make bench` runs: ratios within one run, medians, printed as a table."""
