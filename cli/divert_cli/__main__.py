"""Run the `divert` command."""

from divert_cli.main import main

if __name__ == "__main__":
    main()
