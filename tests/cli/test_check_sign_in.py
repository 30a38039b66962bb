from __future__ import annotations

import io
import webbrowser

import click
import pytest

from doorward.cli import check_sign_in
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import SignIn


@pytest.mark.parametrize("text", ["dwk_secret", " dwk_secret\n", "Bearer dwk_secret", "bearer  dwk_secret\r\n"])
def test_a_token_is_taken_as_people_paste_it(text):
    assert check_sign_in.bearer(text) == "dwk_secret"


@pytest.mark.parametrize("text", ["", " \n", "two words", "dwk_\x1b[2J", "dwk_\xe9", "Bearer", "Bearer two words"])
def test_what_no_header_can_carry_is_refused_and_not_repeated(text):
    with pytest.raises(click.UsageError) as caught:
        check_sign_in.bearer(text)
    assert "dwk_" not in str(caught.value)
    assert "words" not in str(caught.value)


def test_a_token_comes_from_a_file_from_standard_input_or_from_nowhere(tmp_path, monkeypatch):
    place = tmp_path / "token"
    place.write_text("of-the-file\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("of-the-pipe\n"))
    assert check_sign_in.token_from(f"@{place}") == "of-the-file"
    assert check_sign_in.token_from("-") == "of-the-pipe"
    assert check_sign_in.token_from("itself") == "itself"
    assert check_sign_in.token_from(None) == ""


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_without_a_token_is_wrong_usage(tmp_path, content):
    place = tmp_path / "token"
    if content is not None:
        place.write_bytes(content)
    with pytest.raises(click.UsageError, match="cannot read"):
        check_sign_in.token_from(f"@{place}")


async def test_nobody_listens_unless_somebody_signs_in():
    picture = Picture("https://mcp.example.com/mcp")
    usual = picture.callback
    async with check_sign_in.somebody(picture) as person:
        assert person is None
        assert picture.callback == usual
    picture.may_sign_in = True
    async with check_sign_in.somebody(picture) as person:
        assert person is not None
        assert picture.callback.startswith("http://127.0.0.1:")
        assert picture.callback != usual


def test_the_link_is_on_the_error_stream_alone_and_the_second_one_says_what_it_is_for(capsys):
    check_sign_in._tell(SignIn("https://a.example.com/one", "http://127.0.0.1:1/callback"))
    first = capsys.readouterr()
    check_sign_in._tell(SignIn("https://a.example.com/one", "http://127.0.0.1:1/callback", "https://a.example.com/two"))
    second = capsys.readouterr()
    assert first.out == second.out == ""
    assert first.err.splitlines()[1] == "  https://a.example.com/one"
    assert "ssh -L 1:127.0.0.1:1 HOST" in first.err.splitlines()[2]
    assert second.err.splitlines()[1:] == ["  https://a.example.com/one", "  https://a.example.com/two"]


class Window(webbrowser.BaseBrowser):
    def __init__(self) -> None:
        super().__init__("window")
        self.opened: list[str] = []

    def open(self, url, new=0, autoraise=True):
        self.opened.append(url)
        return True


async def test_a_browser_with_a_window_is_opened(monkeypatch):
    window = Window()
    monkeypatch.setattr(webbrowser, "get", lambda: window)
    await check_sign_in._open_page("https://a.example.com/one")
    assert window.opened == ["https://a.example.com/one"]


async def test_a_browser_that_would_take_the_terminal_is_not_opened(monkeypatch, tmp_path):
    trace = tmp_path / "ran"
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser(["touch", str(trace), "%s"]))
    await check_sign_in._open_page("https://a.example.com/one")
    assert not trace.exists()


async def test_a_machine_without_a_browser_is_no_error(monkeypatch):
    def none():
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    await check_sign_in._open_page("https://a.example.com/one")
