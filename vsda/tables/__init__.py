"""Tables of many runs: planned, run or resumed, gathered, and judged against claims.

load     a table's recipe, checked as a whole
worlds   where its sets come from; made-up ones are made when they are first needed
cell     one run, with all that decides it
grid     rows times worlds times seeds: the cells
elsewhere   trained runs of other tables
record   what a cell left behind, and what is still to do
work     one cell from its beginning to its scores, locked
trial    its training and its evaluation, which need torch
run      many cells, in processes of their own, or some of them in this one
plan     what is there and what is left
forecast what that will cost, counted and timed
paired   differences paired over seeds
claims   what is claimed, and whether it holds
results  the numbers of the table
text     how they are printed
markdown sheets page    as Markdown, CSV and HTML; of the page:
looks    which colour a row has
dots     the rows on one axis, world by world
shares   which share of the gap they close, as coloured cells
verdicts claims times worlds
frames   what they predicted, from the run folders
distances   how far apart the domains are in the networks, from what `vsda gap` left there
write    all of these, the same bytes for the same results
"""
