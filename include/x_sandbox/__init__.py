"""A local X: its API over HTTP, its state, its faults and a timeline page."""
