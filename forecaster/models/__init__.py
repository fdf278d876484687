# SPDX-License-Identifier: GPL-3.0-or-later
"""Forecasting models, found by name in `registry`."""
