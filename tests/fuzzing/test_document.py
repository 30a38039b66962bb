"""Drawn requests to every operation of the published document, and documents that say something else."""

from __future__ import annotations

import copy
import json

import pytest
from flows.processes import ROOT

from fuzz.document import campaign

DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
CASES = 700


@pytest.mark.requirement("ADM-01")
async def test_no_answer_is_one_that_the_document_does_not_describe():
    found = await campaign(DOCUMENT, CASES)
    assert found["kept"] == []
    assert found["taken"] > CASES / 10, "next to nothing was done: the requests have gone stale"


async def test_a_document_that_hides_a_status_is_caught():
    hiding = copy.deepcopy(DOCUMENT)
    del hiding["paths"]["/clients/{client_id}"]["get"]["responses"]["404"]
    assert (await campaign(hiding, CASES))["kept"][0]["error"] == "status 404"


async def test_a_document_that_promises_another_shape_is_caught():
    promising = copy.deepcopy(DOCUMENT)
    promising["components"]["schemas"]["ClientView"]["required"] = ["shoe_size"]
    assert "shoe_size" in (await campaign(promising, CASES))["kept"][0]["error"]
