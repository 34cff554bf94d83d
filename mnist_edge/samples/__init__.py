"""Pictures that are installed with the package.

``digit.png`` is to try the first prediction on. ``digits.png`` holds a hundred digits of MNIST's
validation split, ten of each in a row of their own, 0 at the top: every model is tried on them
before it is put in use. MNIST is by Y. LeCun, C. Cortes and C. J. C. Burges, under CC BY-SA 3.0
(https://creativecommons.org/licenses/by-sa/3.0/), and so is ``digits.png``.
"""
