"""What black-box tests need: the installed programs, a worker, clients of its APIs, and a look at what was left behind."""
