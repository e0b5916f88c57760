"""Alipay's side of the wire: signatures, one HTTP call, verified answers. Imports no Django."""
