"""The operator's pages, which are all that is not inference: health, metrics, the admin API and its description.

Who may ask what is decided in `server/app.py`.
"""
