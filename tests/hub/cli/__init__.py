"""The hub as a program: `serve` runs one, the other commands talk to it over a Unix socket in its directory."""
