"""Small programs that use convlens, each for one thing."""
