"""A small TSA, ATC and step runner, for the quick start and the tests. README.md in this folder says how true it is."""
