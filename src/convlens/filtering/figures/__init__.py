"""Figures that move: a scene (what happens at each step), its film (shapes with lifetimes), and what films become.

scene.py    the cells under the window, the products, the sums: values
shapes.py   rectangles, texts, lines and pictures that are seen for a while: a film
numbers.py, photo.py, curves.py    films of small arrays, of photos, of signals
svg.py, raster.py                  films as text that plays in a browser, and as frames
"""
