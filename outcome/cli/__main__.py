"""`python -m outcome.cli` is the same program as `outcome`."""

from outcome.cli.main import main

main()
