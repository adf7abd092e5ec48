"""Tables of many runs: planned, run or resumed, gathered, and judged against claims.

load     a table's recipe, checked as a whole
worlds   where its sets come from; made-up ones are made when they are first needed
grid     rows times worlds times seeds: the cells, each with its resolved recipe
record   what a cell left behind, and what is still to do
work     one cell: train and judge; the only file here that needs torch, and only while it works
run      many cells, in processes of their own
plan     what is there, what is to do, what it will cost
paired   differences paired over seeds
claims   what is claimed, and whether it holds
results  the numbers of the table
write    Markdown, CSV and HTML, the same bytes for the same results
"""
