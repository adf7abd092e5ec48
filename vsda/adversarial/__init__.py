"""Losses that make features of images and of video frames alike.

gradient_reversal  what makes an encoder climb where its discriminator descends
discriminators     the networks that guess a domain, by the shape of what they judge
tokens             the tokens of both domains under one numbering
kmeans             clusters of tokens, cheap enough for every step
pairs              which tokens of a cluster are compared
losses             the general and the clustered loss, made of the above
"""
