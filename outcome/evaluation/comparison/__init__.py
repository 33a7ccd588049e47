"""Is one score, or one reader, better than another?"""
