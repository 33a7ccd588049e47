"""Whom does a prediction serve worse, and who may be told so?"""
