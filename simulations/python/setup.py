"""Builds the extension with the project's own CMake, in build/python beside the other presets, and takes what it made."""

import pathlib
import shutil
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BUILD = PROJECT / "build" / "python"


class CMakeBuild(build_ext):
    def build_extension(self, ext):
        subprocess.run(["cmake", "--preset", "python", f"-DPython_EXECUTABLE={sys.executable}"], cwd=PROJECT, check=True)
        subprocess.run(["cmake", "--build", str(BUILD), "--target", "fedspend_python"], cwd=PROJECT, check=True)
        target = pathlib.Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(BUILD / "python" / "fedspend" / target.name, target)


setup(ext_modules=[Extension("fedspend._fedspend", sources=[])], cmdclass={"build_ext": CMakeBuild})
