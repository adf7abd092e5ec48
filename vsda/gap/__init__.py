"""How far apart two domains are inside a network: what a frozen probe can tell of its features.

frames        which pictures and frames of a set are looked at
reading       their pixels and masks
tokens        features of single places of a map, and what is known of each
collect       a network's tokens at every tap
logistic      the probe: regularised logistic regression
folds         what is held out, by picture or sequence
separability  the proxy A-distance between domains, with an interval
discrepancy   the maximum mean discrepancy, with a permutation null
classes       the distance inside of each class, and what a probe for the class finds
discriminator what the run's own discriminator says
networks      what is measured: a run, and what it started from
measure       all of it together, as one document
remarks       what the numbers mean, in words
picture       tokens in two dimensions
text          the numbers for a terminal
"""
