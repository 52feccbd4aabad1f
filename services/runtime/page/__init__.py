"""What every service's pages have: markup as values, the frame and its pieces, who may see them, the style sheet."""
