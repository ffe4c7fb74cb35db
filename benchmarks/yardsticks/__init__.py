"""Other people's ways of serving the same leads, to measure the API against. Run by hand; nothing else needs them."""
