"""What X tells us: stored when it comes, handled afterwards."""
