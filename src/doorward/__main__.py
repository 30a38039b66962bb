"""`python -m doorward` is the command line."""

from doorward.cli.main import main

if __name__ == "__main__":
    main()
