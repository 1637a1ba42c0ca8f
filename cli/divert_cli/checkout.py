"""Where things lie in the checkout that this command belongs to."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".divert"
DATA = STATE / "data"
