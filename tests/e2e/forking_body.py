#!/usr/bin/python3
"""body.py as a child process, which leaves the traces; its parent waits for it, or leaves it behind.

    forking_body.py FOLDER PROJECT ATTEMPT MILLISECONDS [LEAVES_AFTER_MILLISECONDS]"""

import subprocess
import sys
import time
from pathlib import Path

child = subprocess.Popen([sys.executable, str(Path(__file__).with_name("body.py")), *sys.argv[1:5]])
if len(sys.argv) > 5:
    time.sleep(int(sys.argv[5]) / 1000)
else:
    sys.exit(child.wait())
