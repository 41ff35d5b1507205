"""Figures that move: a scene (what happens at each step), its film (shapes with lifetimes), and what films become.

given.py     an input as people write it
scene.py     the cells under the window, the products, the sums: values
shapes.py    rectangles, texts, lines and pictures that are seen for a while: a film
look.py, words.py        colours, numbers, headlines and formulas
numbers.py, layout.py, beats.py         the film of a small input
photo.py, curves.py, comparison.py      of a photo, a long signal, two signals
svg.py, raster.py, gif.py, files.py     films as text that plays, as frames, as files
"""
