"""A project of a stranger's: event_assets installed from its wheel, nothing of the checkout in sight."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

#: What `pip install` makes of the wheel's entry point.
_SCRIPT = """#!{python}
import sys
from importlib.metadata import entry_points
[command] = entry_points(group="console_scripts", name="event-assets")
sys.exit(command.load()())
"""


class Project:
    """A folder with an environment of its own; what event_assets depends on is that of these tests."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        venv = folder / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
        self.python = venv / "bin" / "python"
        [site] = venv.glob("lib/python*/site-packages")
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(site)
        # Only the path: the editable checkout that may be installed there takes no effect.
        (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
        script = venv / "bin" / "event-assets"
        script.write_text(_SCRIPT.format(python=self.python))
        script.chmod(0o755)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("EVENT_ASSETS_", "PYTHON"))}
        path = f"{venv / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        self._environment = {**kept, "PATH": path, "DAGSTER_HOME": str(folder / "home"), "COLUMNS": "160"}

    def run(self, *command: str) -> str:
        """What a command prints, run in the project's folder; AssertionError with its words where it fails."""
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def follow(self, page: Path) -> list[str]:
        """What each shell block of a page prints, run in order."""
        blocks = re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        return [self.run("bash", "-euc", block) for block in blocks]


def build_wheel(repository: Path, into: Path) -> Path:
    """The project's wheel, built from the checkout."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(into)]
    subprocess.run(command, cwd=repository, capture_output=True, check=True, timeout=100)
    [wheel] = into.glob("*.whl")
    return wheel
