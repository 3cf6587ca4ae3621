"""The bots that are measured: each a process of its own, asking the same questions."""
