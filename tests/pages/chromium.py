"""Drive a page in a real headless Chromium and bring back what its script finds."""

import html
import json
import re
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# The budget is of a clock that jumps over every wait: large enough for a machine under load, free
# on any other.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--virtual-time-budget=200000",
)
_MAX_ATTEMPTS = 3
"""A browser that gets no processor lets its clock run out before the page has drawn anything."""
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on this machine; apt-get install chromium"
)
_DRIVER = """<!DOCTYPE html><body><script>
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const until = async (test) => { for (let i = 0; i < 15000 && !test(); i += 1) await pause(10); };
addEventListener("load", async () => {
  const inside = document.querySelector("iframe").contentWindow, page = inside.document;
  const one = (what) => page.querySelector(what), all = (what) => [...page.querySelectorAll(what)];
  const press = (key, where = page.body) => {
    const options = { key, bubbles: true, cancelable: true };
    where.dispatchEvent(new inside.KeyboardEvent("keydown", options));
    return pause(60);
  };
  let found;
  try { found = await (async () => { %s })(); } catch (error) { found = { error: String(error) }; }
  document.body.dataset.found = JSON.stringify(found);
});
</script><iframe style="border:0;width:%dpx;height:900px" srcdoc="%s"></iframe></body>"""


def chromium(profile, *arguments):
    """Run Chromium once; returns what it prints on stdout and on stderr."""
    process = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return process.stdout, process.stderr


def drive(page, folder, script, width_px=1400):
    """Return what `script` returns inside a frame of that width that shows `page`.

    It has `one(selector)`, `all(selector)`, `await press(key)`, `await pause(ms)`,
    `await until(test)`, `inside` (the
    window) and `page` (the document).
    """
    source = html.escape(page.read_text(encoding="utf-8"))
    holder = folder / "holder.html"
    holder.write_text(_DRIVER % (script, width_px, source), encoding="utf-8")
    for attempt in range(_MAX_ATTEMPTS):
        profile = folder / f"profile-{attempt}"
        dom, log = chromium(profile, "--window-size=1600,1000", "--dump-dom", holder.as_uri())
        told = re.search(r'data-found="([^"]*)"', dom)
        if told:
            break
    assert told, f"the script came to no end:\n{log}"
    found = json.loads(html.unescape(told[1]))
    assert "CONSOLE" not in log, log
    assert not (isinstance(found, dict) and "error" in found), found
    return found
