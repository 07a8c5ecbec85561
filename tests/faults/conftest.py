"""Where the modules are that the tests of the faults driver share with the end-to-end tests."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(HERE.parent / "fakes")]
