"""The peak is of this process alone, and stays when the memory is given back."""

import subprocess
import sys

from vsda.memory import peak_bytes

SCRIPT = "from vsda.memory import peak_bytes; print(peak_bytes())"


def test_the_peak_outlasts_the_memory_that_made_it():
    code = f"held = b'x' * 200_000_000; del held; {SCRIPT}"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 200e6 < int(told.stdout) < 400e6


def test_a_process_does_not_count_what_its_parent_had():
    held = bytearray(b"x" * 200_000_000)
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert int(told.stdout) < len(held) < peak_bytes()
