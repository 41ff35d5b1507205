"""What pages tell machines, and what their policy lets run."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any


def data_of(page: Path) -> dict[str, Any]:
    """The data that a page holds."""
    found: dict[str, Any] = json.loads(page.read_text().split('id="run">')[1].split("</script>")[0])
    return found


def runs(page: Path) -> bool:
    """Whether a page's policy allows the script that it has."""
    text = page.read_text()
    script = text.rsplit("<script>", 1)[1].split("</script>")[0]
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in text
