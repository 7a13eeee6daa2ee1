"""Builds a wheel that carries the library: python3 build_wheel.py LIBHEXAGENT.SO FOLDER.

No extension module is in it, so one wheel serves every Python 3 of a platform. A library that needs
nothing but libc gets the manylinux tag of the newest glibc symbol it uses; any other is tied to
systems like the one it was built on and gets the plain linux tag, which package indexes refuse.
Prints the wheel's path. Standard library only.
"""

import base64
import hashlib
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBC = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1"}
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same inputs give the same bytes


def project(key: str) -> str:
    match = re.search(rf'^{key} = "(.*)"$', (HERE / "pyproject.toml").read_text(), re.MULTILINE)
    assert match, f"pyproject.toml has no {key}"
    return match[1]


def platform_tag(library: Path) -> str:
    dynamic = subprocess.run(
        ["readelf", "-d", str(library)], check=True, capture_output=True, text=True
    )
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic.stdout))
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    if any(name not in LIBC and not name.startswith("ld-linux") for name in needed):
        return platform
    versions = re.findall(rb"GLIBC_2\.(\d+)", library.read_bytes())
    return platform.replace("linux", f"manylinux_2_{max(map(int, versions))}", 1)


def contents(library: Path) -> dict:
    """Name in the wheel -> bytes."""
    version, tag = project("version"), f"py3-none-{platform_tag(library)}"
    soname = f"libhexagent.so.{'.'.join(version.split('.')[:2])}"
    files = {
        f"hexagent/{path.name}": path.read_bytes()
        for path in sorted((HERE / "hexagent").glob("*.py"))
    }
    files["hexagent/py.typed"] = b""
    files[f"hexagent/{soname}"] = library.read_bytes()
    info = f"hexagent-{version}.dist-info"
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {project('name')}\nVersion: {version}\n"
        f"Summary: {project('description')}\nRequires-Python: {project('requires-python')}\n"
        f"License: Apache-2.0\nDescription-Content-Type: text/markdown\n\n{(HERE / 'README.md').read_text()}"
    ).encode()
    files[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: hexagent\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()
    )
    files[f"{info}/LICENSE"] = (HERE.parent.parent / "LICENSE").read_bytes()
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for name, data in files.items()
    )
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    return files


def build(library: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"hexagent-{project('version')}-py3-none-{platform_tag(library)}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents(library).items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return wheel


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(build(Path(sys.argv[1]).resolve(), Path(sys.argv[2])))
