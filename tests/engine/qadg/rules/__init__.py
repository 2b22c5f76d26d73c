"""Rules op by op: tables of tiny networks, one file a family."""

import pytest

pytest.register_assert_rewrite("rules.cases", "tests.engine.qadg.rules.cases")
