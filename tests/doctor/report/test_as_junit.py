"""The file for build systems: one case for each rule, failed where the exit code says so."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from doctor.every_report import SERVERS, report_of

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.rules import profiles, rules
from doorward.doctor.engine.run import Report, examine
from doorward.doctor.report.as_junit import as_junit
from doorward.doctor.report.formats import exit_code
from testbed.answers import reply
from testbed.broken import BROKEN
from testbed.good import ORIGIN, Good


async def examined(server: Good, **picture) -> Report:
    return await examine(Picture(f"{ORIGIN}/mcp", **picture), server.send)


def cases(document: str) -> dict[str, list[ET.Element]]:
    """Return what each case holds, by rule."""
    suite = ET.fromstring(document).find("testsuite")
    found = suite.findall("testcase")
    held = [list(case) for case in found]
    tags = [child.tag for children in held for child in children]
    assert suite.attrib["tests"] == str(len(found))
    assert suite.attrib["failures"] == str(tags.count("failure"))
    assert suite.attrib["errors"] == str(tags.count("error"))
    assert suite.attrib["skipped"] == str(tags.count("skipped"))
    return {case.attrib["name"].partition(" ")[0]: list(case) for case in found}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", SERVERS)
async def test_every_rule_is_a_case_and_fails_where_the_exit_code_says_so(name, strict):
    report = await report_of(name)
    found = cases(as_junit(report, strict=strict))
    assert set(found) == set(rules())
    failed = [rule for rule, children in found.items() if any(child.tag == "failure" for child in children)]
    assert bool(failed) == (exit_code(report, strict=strict) == 1)
    assert set(failed) <= {each.rule for each in report.findings}


async def test_a_failure_holds_the_evidence_and_the_fix():
    report = await examined(BROKEN["DSC-01"].server())
    (failure,) = cases(as_junit(report, strict=False))["DSC-01"]
    assert failure.attrib == {"message": report.findings[0].summary, "type": "blocker"}
    assert "^ differs from here" in failure.text
    assert report.findings[0].fix in failure.text


async def test_what_was_not_looked_at_is_skipped_with_the_reason():
    one = cases(as_junit(await examined(BROKEN["NET-02"].server()), strict=False))
    assert one["DSC-03"][0].attrib == {"message": "Follows from NET-02."}
    cursor = {"cursor": profiles()["cursor"]}
    two = cases(as_junit(await examined(Good(), clients=cursor), strict=False))
    assert two["DSC-07"][0].attrib == {"message": "It touches none of the clients that were asked about."}
    assert two["DSC-03"] == []
    unseen = {rule.id: rule.unseen for rule in rules().values() if rule.unseen}
    assert {rule: two[rule][0].attrib["message"] for rule in unseen} == unseen


async def test_a_fault_of_the_examination_is_an_error():
    class Odd(Good):
        async def send(self, request):
            if "/token" in request.url:
                raise RuntimeError("the network fell over")
            return await super().send(request)

    suite = ET.fromstring(as_junit(await examined(Odd()), strict=False)).find("testsuite")
    assert int(suite.attrib["errors"]) >= 1


async def test_what_xml_cannot_hold_does_not_break_it():
    class Hostile(Good):
        def unauthorized(self, request):
            return reply(403, "]]>\x00\x1b\ufffe<x>&\ud800".encode("utf-8", "surrogatepass"), "text/plain")

    document = as_junit(await examined(Hostile()), strict=False)
    assert ET.fromstring(document.encode()).tag == "testsuites"
