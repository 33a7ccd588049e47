"""What of a study's record may leave the hospital? Pseudonyms, shifted dates, and the columns that stay."""
