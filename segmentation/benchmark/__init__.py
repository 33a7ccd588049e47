"""Models and data sets in one table: every pair trained and judged alike, compared case by case."""
