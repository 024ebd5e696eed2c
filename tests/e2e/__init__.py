"""End to end: the processes as they are run for real."""

import pytest

pytest.register_assert_rewrite("tests.e2e.stories", "tests.support.pipeline")
