"""The operator's web page: what the admin API tells, for eyes. The page holds no data, and asks the admin API like any other client."""
