"""scripts/bench: what whole builds take."""
