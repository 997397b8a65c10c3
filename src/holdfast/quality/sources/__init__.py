"""Sources: files that rows come from."""
