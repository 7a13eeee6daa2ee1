"""The wheel carries the library, and the package in it loads that one."""

import base64
import hashlib
import os
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

import hexagent  # noqa: F401  (loads the library)

ROOT = Path(__file__).parents[1]


def loaded_library():
    """Where the loader found the library of this process, which may have been asked for by name."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    return next(line.split()[-1] for line in maps if "/libhexagent.so" in line)


class Wheel(unittest.TestCase):
    def test_an_unpacked_wheel_loads_the_library_it_carries(self):
        with tempfile.TemporaryDirectory() as folder:
            built = subprocess.run(
                [sys.executable, str(ROOT / "build_wheel.py"), loaded_library(), folder],
                check=True,
                capture_output=True,
                text=True,
            )
            wheel = Path(built.stdout.strip())
            self.assertRegex(wheel.name, r"^hexagent-0\.1\.0-py3-none-(many)?linux_\w+\.whl$")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(Path(folder) / "site")
                self.check_record(archive)
            environment = {
                key: value
                for key, value in os.environ.items()
                if key not in ("HEXAGENT_LIBRARY", "LD_LIBRARY_PATH")
            }
            environment["PYTHONPATH"] = str(Path(folder) / "site")
            loaded = subprocess.run(
                [sys.executable, "-c", "import hexagent._library as l; print(l.library._name)"],
                check=True,
                capture_output=True,
                text=True,
                env=environment,
                cwd=folder,
            )
            self.assertEqual(
                Path(loaded.stdout.strip()).parent.resolve(),
                (Path(folder) / "site/hexagent").resolve(),
            )

    def check_record(self, archive):
        lines = archive.read("hexagent-0.1.0.dist-info/RECORD").decode().splitlines()
        self.assertEqual(sorted(line.split(",")[0] for line in lines), sorted(archive.namelist()))
        for line in lines:
            name, digest, _ = line.split(",")
            if digest:
                sha = base64.urlsafe_b64encode(hashlib.sha256(archive.read(name)).digest()).rstrip(
                    b"="
                )
                self.assertEqual(digest, "sha256=" + sha.decode(), name)


if __name__ == "__main__":
    unittest.main()
