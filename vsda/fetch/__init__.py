"""Downloads: archives by HTTP, videos from YouTube or a mirror, and what became of each."""
