"""The page in a real browser; skipped where Chromium is not installed (Debian: chromium)."""

import pytest

from tests.chromium import needs_chromium
from tests.pages.conftest import HOSTILE, shown
from tests.shards.frames import make_set
from vsda.pages.browse import write_browser

pytestmark = needs_chromium

KEY = "one('#key').textContent"
CARDS = "all('.card').length"


@pytest.fixture(scope="module")
def page(everything, tmp_path_factory):
    """A page of two sets; the first has masks, boxes and frames without labels."""
    folder = tmp_path_factory.mktemp("page")
    other = make_set(folder, [[shown(number, None, 3) for number in range(5)]], name="coco-val")
    write_browser([everything, other], folder / "page.html")
    return folder / "page.html"


@pytest.fixture
def at(browser, page):
    def run(script):
        return browser.drive(page, f"await until(() => one('#picture img')); {script}")

    return run


@pytest.mark.parametrize("width_px", [400, 1400])
def test_page_never_scrolls_sideways(browser, page, width_px):
    script = """
      one('#unfold').click(); all('details').forEach((part) => { part.open = true; });
      await pause(200);
      const edge = innerWidth + 1;
      const wide = all('body *').filter((part) => part.getBoundingClientRect().right > edge);
      return [innerWidth, document.documentElement.scrollWidth, wide.map((part) => part.id)];"""
    assert browser.drive(page, script, size=(width_px, 900)) == [width_px, width_px, []]


def test_arrow_keys_and_buttons_move_through_the_samples(at):
    script = f"""const keys = [{KEY}];
      await press('ArrowRight'); keys.push({KEY});
      one('#next').click(); keys.push({KEY});
      await press('ArrowLeft'); keys.push({KEY});
      return [...keys, one('#count').textContent, one('[aria-current]').title];"""
    frames = [f"davis/bear/0000{number}" for number in (0, 1, 2, 1)]
    assert at(script) == [*frames, "2 / 10", "davis/bear/00001"]


def test_overlay_is_switched_by_its_key_and_faded_by_its_slider(at):
    script = """const opacity = () => getComputedStyle(one('#picture .mask')).opacity;
      const seen = [opacity()];
      await press('o'); seen.push(opacity()); await press('o');
      one('#fade').value = 20; one('#fade').dispatchEvent(new Event('input'));
      return [...seen, opacity(), getComputedStyle(one('.thumb .mask')).opacity];"""
    assert at(script) == ["0.55", "0", "0.2", "0.2"]


def test_filters_by_class_sequence_and_label_change_the_cards(at):
    script = f"""const seen = [{CARDS}];
      const label = (text) =>
        all('#labels button').find((part) => part.textContent.startsWith(text)).click();
      one('[data-class="1"]').click(); seen.push({CARDS});
      one('[data-class="18"]').click(); seen.push({CARDS});
      one('#clear').click(); seen.push({CARDS});
      one('[data-sequence="cows"]').click(); seen.push({CARDS});
      one('[data-sequence="cows"]').click();
      label('with mask'); seen.push({CARDS}); label('with boxes'); seen.push({CARDS});
      label('unlabelled'); seen.push({CARDS}); label('all');
      one('#search').value = 'BEAR/00002'; one('#search').dispatchEvent(new Event('input'));
      return [...seen, {CARDS}];"""
    assert at(script) == [10, 4, 7, 10, 3, 5, 3, 2, 1]


def test_chips_tell_how_many_samples_show_a_class(at):
    script = "return all('#classes button').map((part) => part.textContent);"
    assert at(script) == ["person4", "dog3", "car1"]


def test_pointer_names_class_value_object_and_box(at):
    script = """const texts = [];
      const point = async (x, y) => {
        const frame = one('#picture').getBoundingClientRect();
        const clientX = frame.left + x * frame.width, clientY = frame.top + y * frame.height;
        const move = new PointerEvent('pointermove', { clientX, clientY, bubbles: true });
        const place = `x ${Math.floor(x * 64)}, y ${Math.floor(y * 40)}`;
        await until(() => {  // what was pointed at before may be answered late
          one('#picture').dispatchEvent(move);
          return one('#readout').textContent.startsWith(place);
        });
        texts.push(one('#readout').textContent);
      };
      await point(0.1, 0.5); await point(0.9, 0.5); await point(0.9, 0.99);
      one('.card:nth-child(5)').click(); await until(() => one('#picture .box'));
      await point(0.75, 0.25); await point(0.25, 0.25);
      return texts;"""
    assert at(script) == [
        "x 6, y 20person (1) · object 2",
        "x 57, y 20background (0) · object 0",
        "x 57, y 39ignore (255) · object 0",
        "x 48, y 10box: dog (18)",
        "x 16, y 10no label here",
    ]


def test_objects_take_the_place_of_classes_and_boxes_can_go(at):
    script = """const seg = one('#picture .mask').src;
      await press('2'); await until(() => one('#picture .mask').src !== seg);
      const inst = one('#picture .mask').src, legend = one('#legend').textContent;
      await press('1'); one('.card:nth-child(5)').click(); await until(() => one('#picture .box'));
      const shown = () => getComputedStyle(one('#picture .box')).display;
      const boxes = [shown()]; await press('b'); boxes.push(shown());
      return [seg !== inst, legend, one('#picture .box').textContent, ...boxes];"""
    assert at(script) == [True, "object 225.0 %", "dog", "block", "none"]


def test_playing_goes_through_the_sequence_at_its_own_speed_and_again(at):
    # 20 frames per second by their timestamps; bear has four frames
    script = f"""const seen = [];
      const note = () => seen.push({KEY}.slice(-1));
      new MutationObserver(note).observe(one('#key'), {{ childList: true }});
      const start = performance.now();
      await press(' '); while (seen.length < 8) await pause(10);
      const took_ms = performance.now() - start;
      await press(' '); const stopped = seen.length; await pause(300);
      return [seen.slice(0, 8).join(''), took_ms > 300, seen.length === stopped];"""
    assert at(script) == ["12301230", True, True]


def test_another_set_is_chosen_and_its_facts_with_it(at):
    script = f"""one('#sets').value = '1'; one('#sets').dispatchEvent(new Event('change'));
      await pause(100);
      const about = all('.about').find((part) => !part.hidden).textContent.trim();
      return [{CARDS}, about, {KEY}, one('#sequence-part').hidden];"""
    cards, about, key, hidden = at(script)
    assert (cards, about, key, hidden) == (5, "5 of 5 samples", "davis/still/00000", True)


def test_hostile_names_are_text(at):
    script = """one('.card:nth-child(5)').click(); await pause(100);
      const cells = all('#facts td').map((part) => part.textContent);
      return [cells[cells.indexOf('sequence') + 1], one('.side .note').textContent,
        all('img[src="x"]').length];"""
    assert at(script) == [HOSTILE, HOSTILE, 0]


def test_page_runs_from_a_file_and_refuses_foreign_scripts(browser, page, tmp_path):
    with browser.open(page) as tab:
        tab.wait_for_selector('[data-ready="15"]')
        assert tab.told == []
    copy = tmp_path / "foreign.html"
    text = page.read_text(encoding="utf-8")
    copy.write_text(text.replace("</body>", "<script>document.title = 'ran'</script></body>"))
    with browser.open(copy) as tab:
        assert tab.title() != "ran"
        assert "Content Security Policy" in "".join(tab.told)
