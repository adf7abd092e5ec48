"""Answers for YouTube from a file, so that tests go through the whole of yt-dlp without a network.

With this folder's parent's parent on PYTHONPATH, the environment variable VSDA_CANNED_YOUTUBE names
a JSON file: the id of a video to what happens when it is asked for.

    {"message": "Private video"}                        an error, as YouTube words it
    {"countries": ["DE"], "message": ...}               the error for other countries
    {"raise": "text"}                                   a bug inside yt-dlp
    {"file": URL, "duration": 3}                        one H.264 file, video only
    {"hls": URL, "duration": 3}                         one stream in fragments
    {"formats": [...], "duration": 3}                   formats as yt-dlp describes them
    {"messages_first": [...], ...}                      these errors first, one per request
    {"urls": [URL, ...], ...}                           the file's address changes with each request
    {"warnings": [...], ...}                            said before the answer
    {"pages": [URL, ...], ...}                          asked for before the answer

Each request appends a line `<id>` to `<file>.asked`.
"""

import json
import os
from pathlib import Path

from yt_dlp.extractor.youtube import YoutubeIE
from yt_dlp.utils import ExtractorError, GeoRestrictedError

VARIABLE = "VSDA_CANNED_YOUTUBE"


class CannedIE(YoutubeIE, plugin_name="canned"):
    def _real_extract(self, url):
        if VARIABLE not in os.environ:
            return super()._real_extract(url)
        video_id = self._match_id(url)
        place = Path(os.environ[VARIABLE])
        answer = json.loads(place.read_text())[video_id]
        num_asked = _note(place, video_id)
        self.cache.store("canned", video_id, "as yt-dlp keeps facts about YouTube's player")
        for warning in answer.get("warnings", []):
            self.report_warning(warning)
        for page in answer.get("pages", []):
            self._download_webpage(page, video_id)
        first = answer.get("messages_first", [])
        if num_asked < len(first):
            raise self._error(video_id, {"message": first[num_asked]})
        if "raise" in answer:
            raise TypeError(answer["raise"])
        if "message" in answer:
            raise self._error(video_id, answer)
        return {
            "id": video_id,
            "title": "Ein Film / a film",
            "duration": answer.get("duration"),
            "is_live": answer.get("is_live"),
            "formats": self._answer_formats(video_id, answer, num_asked),
        }

    def _answer_formats(self, video_id, answer, num_asked):
        if "hls" in answer:
            return self._extract_m3u8_formats(answer["hls"], video_id, "mp4", m3u8_id="hls")
        if "formats" in answer:
            return answer["formats"]
        urls = answer.get("urls") or [answer["file"]]
        return [
            {
                "format_id": "136",
                "url": urls[min(num_asked, len(urls) - 1)],
                "ext": "mp4",
                "vcodec": "avc1.4d401f",
                "acodec": "none",
                "width": 1280,
                "height": 720,
            }
        ]

    @staticmethod
    def _error(video_id, answer):
        if "countries" in answer:
            error = GeoRestrictedError(answer["message"], countries=answer["countries"])
        else:
            error = ExtractorError(answer["message"], expected=True)
        error.video_id, error.ie = video_id, "youtube"
        return error


def _note(place, video_id):
    """Write down the request and return how many there were for this video before."""
    log = Path(f"{place}.asked")
    before = log.read_text().split() if log.is_file() else []
    with log.open("a") as file:
        file.write(f"{video_id}\n")
    return before.count(video_id)
