"""Sets made from sets, and files made from sets.

resize  the same frames, smaller
smaller one of these frames, and one shard of them
merge   several sets as one
split   one set as several
take    the samples of a shard that belong to one part
sources the sets that are read
task    one shard task: a shard in, one tar and one result out; the same on any machine
run     all tasks of new sets, then the moment in which the sets appear
"""
