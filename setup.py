"""The package `bpfscope`: both Python packages, and beside them in playground/data what the page is made of."""

from __future__ import annotations

from setuptools import find_packages, setup

DATA = {
    "templates": ["**/*.html"],
    "static": ["dist/*", "public/*", "reference.json"],
    "examples": ["*"],
    "gallery": ["**/*"],
    "docs": ["glossary.md"],
}
"""Directory -> its files that are needed to run."""

setup(
    packages=[
        *find_packages(include=["vm", "vm.*", "playground", "playground.*"]),
        *(f"playground.data.{name}" for name in DATA),
    ],
    package_dir={f"playground.data.{name}": name for name in DATA},
    package_data={
        "vm": ["**/*"],
        "playground": ["**/*"],
        **{f"playground.data.{name}": patterns for name, patterns in DATA.items()},
    },
    exclude_package_data={"": ["*.pyc", "**/*.pyc", "*.so", "**/*.so"]},
)
