"""Pictures that come with the package.

``digit.png`` is for a first prediction. ``digits.png`` holds a hundred digits of MNIST's validation
split, one row of ten per digit, 0 at the top: every model is tested on them before it is put in
use. MNIST is by Y. LeCun, C. Cortes and C. J. C. Burges, under CC BY-SA 3.0
(https://creativecommons.org/licenses/by-sa/3.0/), and so is ``digits.png``.
"""
