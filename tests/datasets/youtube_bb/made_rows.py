"""Rows of made-up detection tables."""

BOX = (0.25, 0.5, 0.125, 0.75)
NO_BOX = (-1.0, -1.0, -1.0, -1.0)
NAMES = {0: "person", 1: "bird", 19: "dog", 22: "none", 23: "car"}


def row(youtube_id="AAAAAAAAAAA", time=1000, class_id=0, object_id=0, presence="present", **more):
    """Return one line; `name` and `box` may be given."""
    name = more.get("name", NAMES.get(class_id, "person"))
    box = more.get("box", BOX if presence == "present" else NO_BOX)
    cells = (youtube_id, time, class_id, name, object_id, presence, *box)
    return ",".join(map(str, cells)) + "\n"


def segment(youtube_id, start_s, end_s, class_id=0, object_id=0):
    """Return a line for each second from `start_s` to `end_s`."""
    times = range(start_s, end_s + 1)
    return "".join(row(youtube_id, 1000 * time, class_id, object_id) for time in times)
