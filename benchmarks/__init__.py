"""Figures that README states, made by the commands that it names."""
