"""What this machine has and lacks for the work of vsda, and how to mend it.

check      the value that every examination returns
youtube    yt-dlp and what it needs
video      decoders
machine    disk, memory, limits, clock
packages   what optional parts need
preflight  which of them are looked at when
"""
