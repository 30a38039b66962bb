from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from door.fronts import Front


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    front = Front()
    await front.store.open()
    return front


@pytest.fixture
async def token(front: Front) -> str:
    return await front.access_token()


@pytest.fixture
async def open_front() -> Front:
    """A door without sign-in, for tests that are about something else."""
    return Front(auth="none")
