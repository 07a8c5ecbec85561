"""Each exported function of flows/*.mjs is one test; this file only finds and starts them."""

import re
from pathlib import Path

import pytest

FLOWS = Path(__file__).resolve().parent / "flows"


def flows():
    for path in sorted(FLOWS.glob("*.mjs")):
        for name in re.findall(r"^export async function (\w+)", path.read_text(), re.M):
            yield pytest.param(path.stem, name, id=f"{path.stem}-{name}")


@pytest.mark.parametrize("module,flow", flows())
def test_flow(browse, module, flow):
    browse(module, flow)
