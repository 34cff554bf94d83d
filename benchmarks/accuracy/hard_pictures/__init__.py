"""Draw pictures of digits as other people take them, from MNIST's validation digits.

A digit's center line is redrawn with a pen at any size, on paper that is drawn as well, and then
photographed: light, lens, sensor, JPEG. Nothing is pasted, so that no box of 28x28 pixels betrays
where a digit came from. The same seed gives the same pictures.

    >>> for picture in make("ruled", severity=2, count=3, seed=0):
    ...     print(picture.truth, picture.image.size)

``conditions`` has ``make`` and every condition; ``contact_sheet`` shows one.
"""
