"""Fixtures of the end-to-end tests; helpers are in harness.py."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture
def open_path():
    """A folder that every user may pass through; pytest's own tmp_path is for its owner alone."""
    folder = Path(tempfile.mkdtemp(prefix="dvsync-e2e-"))
    folder.chmod(0o755)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)
