import pytest
from oauth.given import DOOR, NOTES, a_client

from doorward.oauth.errors import InvalidScope, Reason
from doorward.oauth.policy import Resource
from doorward.oauth.scopes import grantable, kept, narrowed


@pytest.mark.requirement("A18")
@pytest.mark.parametrize(
    ("requested", "registered", "granted"),
    [
        ((), None, ("read", "write")),
        (("write", "read"), None, ("read", "write")),
        (("read",), None, ("read",)),
        (("read", "offline_access", "openid", "profile"), None, ("read",)),
        (("offline_access",), None, ("read", "write")),
        (("read", "no-such"), None, ("read",)),
        ((), "read", ("read",)),
        (("read", "write"), "read", ("read",)),
        (("offline_access",), "read", ("read",)),
    ],
)
def test_what_cannot_be_granted_is_left_out(requested, registered, granted):
    assert grantable(requested, client=a_client(scope=registered), resource=DOOR) == granted


@pytest.mark.parametrize(
    ("requested", "registered"),
    [(("no-such",), None), (("no-such", "openid"), None), (("write",), "read"), ((), "old")],
)
def test_asking_only_for_what_does_not_exist_is_refused(requested, registered):
    with pytest.raises(InvalidScope) as refused:
        grantable(requested, client=a_client(scope=registered), resource=DOOR)
    assert refused.value.reason is Reason.UNKNOWN_SCOPE


def test_a_door_may_have_a_scope_that_others_give_no_meaning():
    door = Resource("https://door.example/mcp", "mcp", ("openid", "read"))
    assert grantable(("openid",), client=a_client(), resource=door) == ("openid",)


@pytest.mark.requirement("T-04")
@pytest.mark.parametrize(
    ("requested", "result"),
    [
        ((), ("read", "write")),
        (("write",), ("write",)),
        (("offline_access",), ("read", "write")),
        (("offline_access", "read"), ("read",)),
        (("admin",), None),
        (("read", "admin"), None),
    ],
)
def test_a_refresh_may_only_narrow(requested, result):
    if result is not None:
        assert narrowed(requested, granted=("read", "write")) == result
        return
    with pytest.raises(InvalidScope) as refused:
        narrowed(requested, granted=("read", "write"))
    assert refused.value.reason is Reason.WIDER_SCOPE


@pytest.mark.requirement("P-24")
@pytest.mark.parametrize(
    ("requested", "result"),
    [
        ((), ("read", "write")),
        (("write",), ("write",)),
        (("write", "read"), ("read", "write")),
        (("read", "admin"), ("read",)),
        (("offline_access",), ("read", "write")),
        (("openid", "write"), ("write",)),
        (("admin",), None),
        (("admin", "openid"), None),
    ],
)
def test_what_is_named_beside_a_code_narrows_it(requested, result):
    if result is not None:
        assert kept(requested, granted=("read", "write")) == result
        return
    with pytest.raises(InvalidScope) as refused:
        kept(requested, granted=("read", "write"))
    assert refused.value.reason is Reason.WIDER_SCOPE


STEPPED = Resource("https://door.example/mcp", "mcp", ("read",), ("write", "admin"))


@pytest.mark.parametrize(
    ("requested", "source", "registered", "granted"),
    [
        ((), "dynamic", None, ("read",)),
        (("read", "write"), "dynamic", None, ("read", "write")),
        (("read", "write"), "dynamic", "read", ("read", "write")),
        (("read", "write"), "registered", "read", ("read",)),
        (("write", "read"), "registered", None, ("read", "write")),
        ((), "registered", "write", ("write",)),
    ],
)
def test_a_client_begins_with_the_scopes_of_the_door_and_steps_up(requested, source, registered, granted):
    assert grantable(requested, client=a_client(source=source, scope=registered), resource=STEPPED) == granted


@pytest.mark.parametrize(
    ("requested", "granted"),
    [
        ((), ("notes",)),
        (("notes", "read", "write"), ("notes",)),
        (("notes:all", "read"), ("notes:all",)),
        (("read", "write"), None),
    ],
)
def test_scopes_are_those_of_the_door_and_not_of_another_one(requested, granted):
    if granted is not None:
        assert grantable(requested, client=a_client(), resource=NOTES) == granted
        return
    with pytest.raises(InvalidScope):
        grantable(requested, client=a_client(), resource=NOTES)


@pytest.mark.parametrize(
    ("source", "registered", "granted"),
    [
        ("dynamic", "read", ("notes",)),
        ("metadata_document", "read write", ("notes",)),
        ("dynamic", "read notes", ("notes",)),
        ("dynamic", "notes:all", ("notes:all",)),
        ("registered", "read", None),
    ],
)
def test_a_client_that_registered_with_the_scopes_of_another_door_is_not_shut_out(source, registered, granted):
    client = a_client(source=source, scope=registered)
    if granted is not None:
        assert grantable(granted, client=client, resource=NOTES) == granted
        return
    with pytest.raises(InvalidScope):
        grantable(("notes",), client=client, resource=NOTES)
