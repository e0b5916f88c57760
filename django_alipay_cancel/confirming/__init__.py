"""Asking a gateway, by calls, what its documentation leaves open.

It uses the protocol only: no database, no setting, and nothing it hears is believed by the app.
"""
