"""In what protocols differ, one difference a file, and how a translation says across it what one of them has and another has not."""
