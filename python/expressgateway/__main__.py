"""``python -m expressgateway``: the command line."""

from expressgateway.cli import main

if __name__ == "__main__":
    main()
