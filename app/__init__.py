"""The dashboard: layout only. Figures and tables come from outcome.report, live images from outcome.serving."""
