"""Run a script or a module as `python -m fastnet.patch`."""

from fastnet.patch.program import main

if __name__ == "__main__":
    main()
