"""Which packages there are: those that are found, and `assets/`, which a wheel carries inside the studio."""

from setuptools import find_namespace_packages, setup

ASSETS = "geta_studio.assets"

setup(
    packages=[*find_namespace_packages(include=["geta_engine*", "geta_studio*"]), ASSETS],
    package_dir={ASSETS: "assets"},
)
