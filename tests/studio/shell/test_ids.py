"""Every component of the page has an id of its own, whichever feature it belongs to."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter

import geta_studio


def test_no_two_components_share_an_id() -> None:
    modules = [m.name for m in pkgutil.walk_packages(geta_studio.__path__, "geta_studio.") if m.name.endswith(".ids")]
    names = [value for m in modules for value in vars(importlib.import_module(m)).values() if isinstance(value, str)]
    ids = Counter(name for name in names if " " not in name and not name.startswith(("geta_studio", "__")))
    assert len(modules) >= 5
    assert {name for name, times in ids.items() if times > 1} == set()
