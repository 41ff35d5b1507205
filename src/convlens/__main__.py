"""``python -m convlens``: the command line, for those who start it through Python (torchrun does)."""

from convlens.cli.main import main

if __name__ == "__main__":
    main()
