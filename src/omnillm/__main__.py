"""`python -m omnillm`."""

from omnillm.cli.main import main

main()
