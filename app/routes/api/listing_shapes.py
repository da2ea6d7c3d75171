"""Listing requests as the API shows them."""
