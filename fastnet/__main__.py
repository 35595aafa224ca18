"""Run the command line as `python -m fastnet`."""

from fastnet.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
