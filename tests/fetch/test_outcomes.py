"""What messages mean: the real ones, with both apostrophes, and rows that must not hide others."""

import re

import pytest

from vsda.errors import Outcome
from vsda.fetch.outcomes import classify, known_messages, status_in
from vsda.fetch.policy import POLICIES

HINT = (
    ". Use --cookies-from-browser or --cookies for the authentication. See  "
    "https://github.com/yt-dlp/yt-dlp/wiki/FAQ#how-do-i-pass-cookies-to-yt-dlp  for how to "
    "manually pass cookies. Also see  https://github.com/yt-dlp/yt-dlp/wiki/Extractors#exporting-youtube-"
    "cookies  for tips on effectively exporting YouTube cookies"
)
RATE_LIMITED = (
    "Video unavailable. This content isn't available, try again later. {who} has been "
    "rate-limited by YouTube for up to an hour. It is recommended to use `-t sleep` to "
    "add a delay between video requests to avoid exceeding the rate limit. For more "
    "information, refer to  https://github.com/yt-dlp/yt-dlp/wiki/Extractors#this-content-isnt-available-try-again-later"
)
BUG = (
    "; please report this issue on  https://github.com/yt-dlp/yt-dlp/issues?q= , filling out the "
    "appropriate issue template. Confirm you are on the latest version using  yt-dlp -U"
)

REAL = [
    ("gone", "Video unavailable. This video has been removed by the uploader"),
    (
        "gone",
        "Video unavailable. This video is no longer available because the YouTube account "
        "associated with this video has been terminated.",
    ),
    (
        "gone",
        "Video unavailable. This video is no longer available because the uploader has closed "
        "their YouTube account.",
    ),
    ("gone", "This video has been removed for violating YouTube's policy on hate speech."),
    ("gone", "This video has been removed for violating YouTube's Terms of Service"),
    (
        "gone",
        "Video unavailable. This video is no longer available due to a copyright claim by "
        "Universal Music Group",
    ),
    (
        "gone",
        "Video unavailable. This video contains content from SME, who has blocked it on copyright "
        "grounds",
    ),
    ("gone", "This video does not exist."),
    ("private", "Private video. Sign in if you've been granted access to this video" + HINT),
    ("private", "This video is private. If the owner of this video has granted you access"),
    (
        "private",
        "Join this channel to get access to members-only content like this video, and other "
        "exclusive perks.",
    ),
    (
        "private",
        "This video is available to this channel's members on level: Gold (or any higher level). "
        "Join this channel to get access to members-only content",
    ),
    ("private", "This video requires payment to watch."),
    ("unavailable", "Video unavailable"),
    ("unavailable", "Video unavailable. This video is not available"),
    ("unavailable", "This video is unavailable"),
    ("unavailable", "This video isn't available anymore"),
    ("unavailable", "Video unavailable. This content isn't available."),
    ("unavailable", "This live event will begin in 3 hours."),
    ("unavailable", "This live stream recording is not available."),
    ("unavailable", "Premieres in 12 hours"),
    ("unavailable", "We're processing this video. Check back later."),
    ("throttled", RATE_LIMITED.format(who="The current session")),
    ("throttled", RATE_LIMITED.format(who="Your account")),
    ("throttled", "Video unavailable. This content isn't available, try again later."),
    ("throttled", "Unable to download API page: HTTP Error 429: Too Many Requests (caused by <x>)"),
    ("throttled", "unable to download video data: HTTP Error 429: Too Many Requests"),
    ("throttled", "Unable to download API page: HTTP Error 403: Forbidden (caused by <HTTPError>)"),
    ("bot-check", "Sign in to confirm you're not a bot" + HINT),
    (
        "bot-check",
        "Sign in to confirm you're not a bot. This helps protect our community. Learn more",
    ),
    ("bot-check", "Video unavailable. YouTube is requiring a captcha challenge before playback"),
    (
        "bot-check",
        "All player responses are invalid. Your IP is likely being blocked by Youtube",
    ),
    (
        "age-restricted",
        "Sign in to confirm your age. This video may be inappropriate for some users" + HINT,
    ),
    ("age-restricted", "This video is age-restricted and only available on YouTube"),
    ("geo-blocked", "The uploader has not made this video available in your country"),
    (
        "geo-blocked",
        "Video unavailable. The uploader has not made this video available in your country",
    ),
    (
        "geo-blocked",
        "Video unavailable. This video contains content from Paramount Global (CBS), who has "
        "blocked it in your country on copyright grounds",
    ),
    (
        "geo-blocked",
        "Video unavailable. This content is not available on this country domain due to a court "
        "order.",
    ),
    ("no-format", "This video is DRM protected"),
    ("no-format", "No video formats found!" + BUG),
    (
        "no-format",
        "Requested format is not available. Use --list-formats for a list of available formats",
    ),
    (
        "no-format",
        "The following content is not available on this app.. Watch on the latest version of "
        "YouTube.",
    ),
    ("no-format", "The page needs to be reloaded."),
    (
        "no-format",
        "Video unavailable. Playback on other websites has been disabled by the video owner",
    ),
    ("network", "unable to download video data: HTTP Error 403: Forbidden"),
    ("network", "unable to download video data: HTTP Error 404: Not Found"),
    (
        "network",
        "[download] Got error: HTTP Error 503: Service Unavailable. Giving up after 3 retries",
    ),
    ("network", "Unable to download API page: HTTP Error 500: Internal Server Error"),
    ("network", "[download] Got error: 100000 bytes read, 200000 more expected"),
    ("network", "Downloaded 100 bytes, expected 200 bytes"),
    ("network", "content too short (expected 200 bytes and served 100)"),
    ("network", "[download] Got error: The read operation timed out. Giving up after 10 retries"),
    ("network", "[download] Got error: HTTPSConnection(host='x', port=443): Read timed out."),
    (
        "network",
        "Unable to download API page: [Errno -3] Temporary failure in name resolution (caused x)",
    ),
    ("network", "('Connection aborted.', RemoteDisconnected('Remote end closed connection'))"),
    ("network", "[Errno 104] Connection reset by peer"),
    ("network", "fragment 5 not found, unable to continue"),
    ("network", "Did not get any data blocks"),
    ("network", "The downloaded file is empty"),
    ("disk-full", "unable to write data: [Errno 28] No space left on device"),
    ("disk-full", "Unable to download video: [Errno 122] Disk quota exceeded: '/data/x.part'"),
    (
        "no-js-runtime",
        "No supported JavaScript runtime could be found. Only deno is enabled by default; to use "
        "another runtime add  --js-runtimes RUNTIME[:PATH]  to your command/config. YouTube "
        "extraction without a JS runtime has been deprecated, and some formats may be missing.",
    ),
    ("unknown-reply", "Something that YouTube has not said yet"),
    ("unknown-reply", "Failed to extract any player response" + BUG),
    ("unknown-reply", ""),
]


@pytest.mark.parametrize("apostrophe", ["'", "\u2019"])
@pytest.mark.parametrize(("outcome", "message"), REAL, ids=range(len(REAL)))
def test_a_real_message_means_what_it_says(outcome, message, apostrophe):
    message = message.replace("'", apostrophe)
    assert classify(message, status_in(message)) == outcome
    assert classify(f"ERROR: [youtube] AAB6lO-XiKE: {message}", status_in(message)) == outcome


def test_case_does_not_matter():
    assert classify("PRIVATE VIDEO") == Outcome.PRIVATE


@pytest.mark.parametrize("outcome", ["gone", "private", "age-restricted", "geo-blocked"])
def test_nothing_that_pauses_or_stops_a_run_counts_a_video_as_dead(outcome):
    blocks = [message for what, message in REAL if what in {"throttled", "bot-check"}]
    assert len(blocks) >= 8
    assert outcome not in {classify(message) for message in blocks}


def test_no_id_of_a_video_can_spell_a_row():
    # messages start with the id, which has 11 letters, digits, hyphens or underscores
    short = [row.text for row in known_messages() if re.fullmatch(r"[\w-]{,11}", row.text)]
    assert short == []


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (429, "throttled"),
        (402, "throttled"),
        (403, "network"),
        (404, "network"),
        (500, "network"),
        (503, "network"),
        (599, "network"),
        (400, "unknown-reply"),
        (None, "unknown-reply"),
    ],
)
def test_a_status_counts_where_the_text_says_nothing(status, outcome):
    assert classify("no words for it", status) == outcome
    assert classify("Private video", status) == Outcome.PRIVATE


@pytest.mark.parametrize(
    ("message", "warning", "outcome"),
    [
        ("Failed to extract any player response", "HTTP Error 429: Too Many Requests", "throttled"),
        (
            "Failed to extract any player response",
            "Sign in to confirm you're not a bot",
            "bot-check",
        ),
        (
            "Failed to extract any player response",
            "[Errno -2] Name or service not known",
            "network",
        ),
        ("Failed to extract any player response", "Private video", "unknown-reply"),
        (
            "No video formats found!",
            "No supported JavaScript runtime could be found",
            "no-js-runtime",
        ),
        ("No video formats found!", "The read operation timed out", "no-format"),
        ("Private video", "HTTP Error 429: Too Many Requests", "private"),
        ("Private video", "No supported JavaScript runtime could be found", "private"),
    ],
)
def test_a_warning_counts_where_the_error_says_little(message, warning, outcome):
    assert classify(message, None, ["nothing of note", warning]) == outcome


def test_status_is_read_from_a_message():
    assert status_in("HTTP Error 403: Forbidden") == 403
    assert status_in("403 bytes read") is None


def test_every_row_can_be_reached():
    rows = known_messages()
    assert len(rows) > 50
    for number, row in enumerate(rows):
        hidden_by = [before.text for before in rows[:number] if before.text in row.text]
        assert not hidden_by, f"{row.text} is hidden by {hidden_by}"


def test_every_outcome_of_the_table_has_a_policy():
    assert {row.outcome for row in known_messages()} <= POLICIES.keys()
