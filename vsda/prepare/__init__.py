"""From a dataset's own files to shards: `prepare` writes them, `plan` says what would be written.

options  what the user asks for
job      a set to write: its settings and its shard tasks, found without opening an image
task     one shard task: items in, one tar and one result out; the same on any machine
staging  the hidden folder that keeps finished tasks until the set is whole
publish  the one moment in which a set appears
report   what became of a set
run      all of it in order
"""

from vsda.prepare.options import PrepareOptions
from vsda.prepare.plan import PlannedSet, plan
from vsda.prepare.report import PrepareReport
from vsda.prepare.run import prepare

__all__ = ["PlannedSet", "PrepareOptions", "PrepareReport", "plan", "prepare"]
