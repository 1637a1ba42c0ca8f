"""Where things lie in the checkout that this command belongs to."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE_IN = "DIVERT_STATE"
"""The variable that names another folder for what runs and what it keeps."""
STATE = Path(os.environ.get(STATE_IN) or ROOT / ".divert").absolute()
DATA = STATE / "data"
