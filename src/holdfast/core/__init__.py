"""Floor 0: nouns, promise grammar, units, digests, ports, registry, errors, views; no I/O, clock or randomness."""
