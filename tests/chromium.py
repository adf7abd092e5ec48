"""Pages in a real headless Chromium, driven by Playwright; skipped where none is installed."""

import json
import shutil
from contextlib import contextmanager

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on this machine; apt-get install chromium"
)
MAX_WAIT_MS = 60_000
"""How long a page may take on a machine under load; free on any other."""
_HELPERS = """
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const until = async (test) => {
    const last = performance.now() + %d;
    while (!test()) {
      if (performance.now() > last) throw new Error(`waited in vain for ${test}`);
      await pause(10);
    }
  };
  const one = (what) => document.querySelector(what);
  const all = (what) => [...document.querySelectorAll(what)];
  const press = (key) => {
    const options = { key, bubbles: true, cancelable: true };
    document.body.dispatchEvent(new KeyboardEvent("keydown", options));
    return pause(60);
  };
"""


class Browser:
    """One Chromium for the tests of a file; each page is opened in a profile of its own."""

    def __init__(self, browser):
        self._browser = browser

    @contextmanager
    def open(self, path, *, size=(1400, 900), scheme="light", touch=False, script=True):
        """Show the file; its `told` grows by what the page writes to the console.

        With `touch` there is a finger; without `script` the page's own does not run.
        """
        width, height = size
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            has_touch=touch,
            java_script_enabled=script,
        )
        context.set_default_timeout(MAX_WAIT_MS)
        tab = context.new_page()
        tab.told = []
        tab.on("console", lambda message: tab.told.append(message.text))
        tab.on("pageerror", lambda error: tab.told.append(str(error)))
        try:
            tab.goto(path.resolve().as_uri())
            yield tab
        finally:
            context.close()

    def drive(self, path, script, **options):
        """Return what `script` returns on the page, which must not have complained.

        It has `one(selector)`, `all(selector)`, `await press(key)`, `await pause(ms)` and
        `await until(test)`.
        """
        with self.open(path, **options) as tab:
            found = run_script(tab, script)
            assert not tab.told, tab.told
        return found


def run_script(tab, script):
    """Return what the body of an asynchronous function returns on the open page."""
    found = tab.evaluate(f"async () => {{ {_HELPERS % MAX_WAIT_MS} {script} }}")
    return json.loads(json.dumps(found))


@contextmanager
def open_browser():
    """Start a Chromium and close it at the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--hide-scrollbars"]
        )
        yield Browser(chromium)
        chromium.close()


@pytest.fixture(scope="module")
def browser():
    """A browser for one file of tests.

    Not for all: as long as Playwright runs, its thread has an event loop, and what calls
    `asyncio.run` there fails.
    """
    with open_browser() as opened:
        yield opened
