#!/usr/bin/python3
"""body.py with a child process of its own, which leaves the traces.

    forking_body.py FOLDER PROJECT ATTEMPT MILLISECONDS"""

import subprocess
import sys
from pathlib import Path

sys.exit(subprocess.call([sys.executable, str(Path(__file__).with_name("body.py")), *sys.argv[1:]]))
