"""`python -m palio.surfaces.cli`, for where the `palio` script is not installed."""

from palio.surfaces.cli import main

if __name__ == "__main__":
    main()
