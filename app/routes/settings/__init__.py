"""What users set for themselves, one blueprint a file."""
