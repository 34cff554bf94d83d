"""Reports as HTML, Markdown and SVG, drawn from a ``Report`` alone, measured or loaded."""
