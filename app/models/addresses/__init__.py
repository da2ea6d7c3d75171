"""What may be entered as the contract of a token, a file for each family of blockchains.

Each family has a function that gives the one form which is stored, or raises `BadAddress`. It is given printable ASCII without
spaces, of at most 255 characters: `app/models/blockchain.py` sees to that.
"""
